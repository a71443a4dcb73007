//! Compiles the public API from proto/ with protox, so that no protoc is needed.

use std::path::PathBuf;

use anyhow::Context;
use prost::Message;
use prost_types::FileDescriptorSet;
use protox::Compiler;
use protox::file::{ChainFileResolver, DescriptorSetFileResolver, GoogleFileResolver, IncludeFileResolver};

const FILES: [&str; 2] = ["portcullis/v1/threat.proto", "portcullis/v1/model.proto"];

/// The contract of google.rpc.Status, which tonic-types carries as descriptors, under the name by which it is imported.
fn google_rpc() -> anyhow::Result<FileDescriptorSet> {
    let mut set = FileDescriptorSet::decode(tonic_types::pb::FILE_DESCRIPTOR_SET)?;
    for file in &mut set.file {
        if file.package() == "google.rpc" {
            file.name = Some(format!("google/rpc/{}", file.name()));
        }
    }
    Ok(set)
}

fn main() -> anyhow::Result<()> {
    println!("cargo:rerun-if-changed=proto");
    let mut resolver = ChainFileResolver::new();
    resolver.add(IncludeFileResolver::new(PathBuf::from("proto")));
    resolver.add(GoogleFileResolver::new());
    resolver.add(DescriptorSetFileResolver::new(google_rpc()?));
    let mut compiler = Compiler::with_file_resolver(resolver);
    compiler.include_imports(true).include_source_info(true).open_files(FILES)?;

    let out_dir = PathBuf::from(std::env::var_os("OUT_DIR").context("cargo sets OUT_DIR")?);
    std::fs::write(out_dir.join("portcullis.v1.bin"), compiler.encode_file_descriptor_set())?;
    tonic_prost_build::configure()
        .extern_path(".google.rpc", "::tonic_types::pb")
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}
