"""A model's bill of materials is CycloneDX 1.6, by the schema that the CycloneDX project's own library carries.

    python3 -m venv target/interop && target/interop/bin/pip install 'cyclonedx-python-lib[json-validation]==11.12.0'
    target/interop/bin/python tests/interop/ml_bom.py models/default/ml-bom.cdx.json
"""

import sys
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(Path(sys.argv[1]).read_text())
sys.exit(f"refused: {error}" if error else print("valid CycloneDX 1.6"))
