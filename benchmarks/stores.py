"""What a log needs to be sealed into, made in an empty emulator without deploying the stack."""

import base64
import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import boto3

from infra.local.settings import REGION, Settings


@dataclass(frozen=True)
class Stores:
    """Names of the tables and buckets follow from the stack's, as the template has it."""

    settings: Settings
    account: str
    log_key: str
    evidence_key: str

    @property
    def records(self) -> str:
        return f"{self.settings.stack}-records-{self.account}-{REGION}"

    @property
    def origin(self) -> str:
        return f"borrow-rate-engine/{self.account}/{REGION}/{self.settings.stack}"


def client(settings: Settings, service: str):
    variables = settings.operator_variables()
    return boto3.client(
        service,
        endpoint_url=settings.endpoint,
        region_name=REGION,
        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
    )


def create(settings: Settings) -> Stores:
    account = client(settings, "sts").get_caller_identity()["Account"]
    kms = client(settings, "kms")
    keys = [
        kms.create_key(KeySpec="ECC_NIST_EDWARDS25519", KeyUsage="SIGN_VERIFY")
        for _ in range(2)
    ]
    stores = Stores(settings, account, *(key["KeyMetadata"]["Arn"] for key in keys))
    s3 = client(settings, "s3")
    s3.create_bucket(Bucket=stores.records, ObjectLockEnabledForBucket=True)
    s3.create_bucket(Bucket=f"{settings.stack}-work-{account}-{REGION}")
    for table in ("log", "audit"):
        client(settings, "dynamodb").create_table(
            TableName=f"{settings.stack}-{table}",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")
            ],
        )
    return stores


def sign_manifest(stores: Stores, bundle: Path) -> None:
    """Signs a bundle's manifest where `evidence-export` would keep its note, for the next export of the same to find."""
    with zipfile.ZipFile(bundle) as archive:
        digest = hashlib.sha256(archive.read("manifest.json")).hexdigest()
    text = f"borrow-rate-engine evidence manifest\n{digest}\n".encode()
    kms = client(stores.settings, "kms")
    # The key's DER ends in the 32 bytes of an Ed25519 key (RFC 8410).
    public = kms.get_public_key(KeyId=stores.evidence_key)["PublicKey"][-32:]
    signature = kms.sign(
        KeyId=stores.evidence_key,
        Message=text,
        MessageType="RAW",
        SigningAlgorithm="ED25519_SHA_512",
    )["Signature"]
    name = f"{stores.origin}/evidence"
    key_hash = hashlib.sha256(f"{name}\n\x01".encode() + public).digest()[:4]
    line = f"— {name} {base64.b64encode(key_hash + signature).decode()}\n"
    client(stores.settings, "s3").put_object(
        Bucket=stores.records,
        Key=f"notes/{digest}",
        Body=text + b"\n" + line.encode(),
    )
