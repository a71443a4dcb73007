//! AdamW (Loshchilov and Hutter 2017, <https://arxiv.org/abs/1711.05101>) with clipping by global norm, a linear schedule
//! and moments that can be saved. (candle-nn's keeps its moments to itself, so that a run could not be resumed.)

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, Result};
use candle_core::{Tensor, Var};

use crate::config::Optimizer as Settings;

const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// Gradients by the names of their parameters.
pub type Gradients = BTreeMap<String, Tensor>;

/// Parameters with their moments.
pub struct AdamW {
    settings: Settings,
    total_steps: usize,
    parameters: BTreeMap<String, Parameter>,
}

struct Parameter {
    var: Var,
    mean: Tensor,
    square: Tensor,
}

impl AdamW {
    pub fn new(vars: &BTreeMap<String, Var>, settings: Settings, total_steps: usize) -> Result<Self> {
        let parameters = vars
            .iter()
            .map(|(name, var)| {
                Ok((name.clone(), Parameter { var: var.clone(), mean: var.zeros_like()?, square: var.zeros_like()? }))
            })
            .collect::<Result<_>>()?;
        Ok(Self { settings, total_steps, parameters })
    }

    /// The rate at a step, counted from 0: up to the peak over the warm-up, then down to zero, both linearly.
    pub fn learning_rate(&self, step: usize) -> f64 {
        let warmup = (self.settings.warmup_share * self.total_steps as f64).max(1.0);
        let position = step as f64 + 1.0;
        let rest = (self.total_steps as f64 - warmup).max(1.0);
        self.settings.learning_rate
            * (position / warmup).min(((self.total_steps as f64 - step as f64) / rest).clamp(0.0, 1.0))
    }

    /// Applies one step's gradients; returns their global norm before clipping.
    pub fn step(&mut self, step: usize, gradients: &Gradients) -> Result<f64> {
        let norm = global_norm(gradients)?;
        let clip = (self.settings.clip_norm / norm.max(1e-12)).min(1.0);
        let rate = self.learning_rate(step);
        let count = i32::try_from(step + 1)?;
        let (correct_1, correct_2) = (1.0 - BETA_1.powi(count), 1.0 - BETA_2.powi(count));
        for (name, parameter) in &mut self.parameters {
            let gradient = (gradients.get(name).with_context(|| format!("{name} has no gradient"))? * clip)?;
            parameter.mean = ((&parameter.mean * BETA_1)? + (&gradient * (1.0 - BETA_1))?)?;
            parameter.square = ((&parameter.square * BETA_2)? + (gradient.sqr()? * (1.0 - BETA_2))?)?;
            let denominator = ((&parameter.square / correct_2)?.sqrt()? + EPSILON)?;
            let update = ((&parameter.mean / correct_1)? / denominator)?;
            let kept = if decays(name) { 1.0 - rate * self.settings.weight_decay } else { 1.0 };
            parameter.var.set(&((parameter.var.as_tensor() * kept)? - (update * rate)?)?)?;
        }
        Ok(norm)
    }

    /// The moments, for a checkpoint.
    pub fn state(&self) -> HashMap<String, Tensor> {
        self.parameters
            .iter()
            .flat_map(|(name, parameter)| {
                [(format!("mean.{name}"), parameter.mean.clone()), (format!("square.{name}"), parameter.square.clone())]
            })
            .collect()
    }

    /// Takes the moments of a checkpoint, to where the parameters are.
    pub fn restore(&mut self, state: &HashMap<String, Tensor>) -> Result<()> {
        for (name, parameter) in &mut self.parameters {
            let moment = |kind: &str| {
                let moment = state
                    .get(&format!("{kind}.{name}"))
                    .with_context(|| format!("the checkpoint lacks {kind}.{name}"))?;
                Ok::<_, anyhow::Error>(moment.to_device(parameter.var.device())?)
            };
            parameter.mean = moment("mean")?;
            parameter.square = moment("square")?;
        }
        Ok(())
    }
}

/// Biases and layer norms are not decayed.
fn decays(name: &str) -> bool {
    !name.ends_with("bias") && !name.contains("LayerNorm")
}

fn global_norm(gradients: &Gradients) -> Result<f64> {
    let mut sum = 0.0;
    for gradient in gradients.values() {
        sum += f64::from(gradient.sqr()?.sum_all()?.to_scalar::<f32>()?);
    }
    Ok(sum.sqrt())
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn settings() -> Settings {
        Settings {
            epochs: 1,
            batch_windows: 1,
            learning_rate: 0.1,
            warmup_share: 0.1,
            weight_decay: 0.0,
            clip_norm: 1.0,
            dropout: 0.0,
            freeze_word_embeddings: false,
            keep_share: 0.0,
        }
    }

    #[test]
    fn descends_to_the_minimum_of_a_parabola() {
        let var = Var::new(&[5.0f32, -3.0], &Device::Cpu).unwrap();
        let vars = BTreeMap::from([("x".to_owned(), var.clone())]);
        let mut optimizer = AdamW::new(&vars, settings(), 400).unwrap();
        for step in 0..400 {
            let gradients = var.as_tensor().sqr().unwrap().sum_all().unwrap().backward().unwrap();
            let gradient = gradients.get(var.as_tensor()).unwrap().clone();
            optimizer.step(step, &Gradients::from([("x".to_owned(), gradient)])).unwrap();
        }
        for x in var.to_vec1::<f32>().unwrap() {
            assert!(x.abs() < 0.05, "{x}");
        }
    }

    #[test]
    fn the_schedule_rises_and_falls() {
        let optimizer = AdamW::new(&BTreeMap::new(), settings(), 100).unwrap();
        assert!((optimizer.learning_rate(0) - 0.01).abs() < 1e-9);
        assert!((optimizer.learning_rate(9) - 0.1).abs() < 1e-9);
        assert!(optimizer.learning_rate(50) < 0.06);
        assert!(optimizer.learning_rate(99) > 0.0);
    }
}
