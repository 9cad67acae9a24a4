"""Fails where a crate that the workspace depends on has a licence outside the list: `python -m infra.licences`.

Reads `cargo metadata` offline, so it needs nothing that a build has not already fetched.
"""

import json
import re
import subprocess
import sys

ALLOWED = {
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "OpenSSL",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
}


def permitted(expression: str) -> bool:
    """Whether an SPDX expression can be met within the list. `AND` needs both sides, `OR` and the old `/` one."""
    expression = expression.replace("/", " OR ").strip()
    for operator in (" OR ", " AND "):
        depth = 0
        for position, character in enumerate(expression):
            depth += {"(": 1, ")": -1}.get(character, 0)
            if depth == 0 and expression.startswith(operator, position):
                left, right = (
                    expression[:position],
                    expression[position + len(operator) :],
                )
                combine = any if operator == " OR " else all
                return combine((permitted(left), permitted(right)))
    if expression.startswith("(") and expression.endswith(")"):
        return permitted(expression[1:-1])
    return re.sub(r"\s+", " ", expression) in ALLOWED


def main() -> None:
    command = ["cargo", "metadata", "--format-version", "1", "--locked"]
    packages = json.loads(
        subprocess.run(command, check=True, capture_output=True).stdout
    )["packages"]
    refused = [
        p
        for p in packages
        if p["source"] and not permitted(p.get("license") or "none stated")
    ]
    for package in refused:
        print(
            f"{package['name']} {package['version']}: {package.get('license')}",
            file=sys.stderr,
        )
    if refused:
        sys.exit("licences outside the list in infra/licences.py")
    print(f"licences: {len(packages)} crates, all within the list")


if __name__ == "__main__":
    main()
