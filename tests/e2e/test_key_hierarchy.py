"""Keys over keys on the deployed stack: KMS keys that rotate by themselves, data keys that open one record alone."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import Desk, done
from lifecycle import contact, service_account, token
from test_admin_keys import code_in, new_key

SYMMETRIC = [
    *("TablesKey", "LogsKey", "MarketFilesKey", "RecordsKey"),
    *("SecretsKey", "FactorsKey", "ContactsKey"),
]
SIGNING = ["TokenKey", "LogKey", "EvidenceKey"]
# The stored form of a contact: a version, the length of the sealed data key, the sealed data key.
LENGTH = slice(1, 3)
START = 3


@pytest.fixture(scope="module")
def key_id(
    operator: Callable[[str], Any], stack: dict[str, str]
) -> Callable[[str], str]:
    """`key_id("TablesKey")`."""

    def find(name: str) -> str:
        found = operator("cloudformation").describe_stack_resource(
            StackName=stack["ENGINE_STACK"], LogicalResourceId=name
        )
        return found["StackResourceDetail"]["PhysicalResourceId"]

    return find


@pytest.mark.parametrize("name", SYMMETRIC)
def test_a_symmetric_key_rotates_every_year(
    name: str, key_id: Callable[[str], str], operator: Any
) -> None:
    status = operator("kms").get_key_rotation_status(KeyId=key_id(name))
    assert status["KeyRotationEnabled"] is True
    assert status["RotationPeriodInDays"] == 365


@pytest.mark.parametrize("name", SIGNING)
def test_a_signing_key_is_one_that_kms_cannot_rotate(
    name: str, key_id: Callable[[str], str], operator: Any
) -> None:
    described = operator("kms").describe_key(KeyId=key_id(name))["KeyMetadata"]
    assert described["KeyUsage"] == "SIGN_VERIFY"
    status = operator("kms").get_key_rotation_status(KeyId=key_id(name))
    assert status["KeyRotationEnabled"] is False


def test_the_data_key_of_a_contact_opens_for_that_contact_alone(
    desk: Desk, mailbox: Any, operator: Any, outputs: dict[str, str]
) -> None:
    clients = [desk.client(), desk.client()]
    for client in clients:
        contact(desk.member("admin"), client, mailbox, code_in)
    own = {client: _data_key(operator, outputs, client) for client in clients}
    kms = operator("kms")
    keys = [
        kms.decrypt(CiphertextBlob=sealed, EncryptionContext=context)["Plaintext"]
        for sealed, context in own.values()
    ]
    # Not compared by assert, which would print them.
    apart = keys[0] != keys[1]
    assert apart and {len(key) for key in keys} == {32}
    (sealed, _), (_, anothers) = own.values()
    for context in (anothers, {}, {"purpose": "contact"}):
        with pytest.raises(ClientError) as refused:
            kms.decrypt(CiphertextBlob=sealed, EncryptionContext=context)
        code = refused.value.response["Error"]["Code"]
        assert code == "InvalidCiphertextException"


def _data_key(
    operator: Any, outputs: dict[str, str], client: str
) -> tuple[bytes, dict[str, str]]:
    """The sealed data key of a client's only contact, and the context that names the record."""
    (item,) = operator("dynamodb").query(
        TableName=outputs["ClientsTableName"],
        KeyConditionExpression="pk = :client AND begins_with(sk, :contact)",
        ExpressionAttributeValues={
            ":client": {"S": client},
            ":contact": {"S": "contact#"},
        },
    )["Items"]
    sealed = item["sealed"]["B"]
    end = START + int.from_bytes(sealed[LENGTH], "big")
    contact_id = item["sk"]["S"].removeprefix("contact#")
    context = {"purpose": "contact", "client_id": client, "contact_id": contact_id}
    return sealed[START:end], context


def test_what_was_sealed_before_a_key_rotated_opens_after_it(
    api: Any,
    desk: Desk,
    key_id: Callable[[str], str],
    mailbox: Any,
    operator: Any,
    stack: dict[str, str],
) -> None:
    """A second factor, a contact and a secret."""
    admin, client = desk.member("admin"), desk.client()
    address = contact(admin, client, mailbox, code_in)
    _, secret = service_account(desk, operator, stack)
    kms = operator("kms")
    for name in ("FactorsKey", "ContactsKey", "SecretsKey"):
        try:
            kms.rotate_key_on_demand(KeyId=key_id(name))
        except ClientError as error:
            # The double of KMS in tests/support rotates, and the tests of shared/aws have it do so.
            pytest.skip(f"the emulator rotates no key: {error}")
    deadline = time.monotonic() + 30
    while not kms.list_key_rotations(KeyId=key_id("ContactsKey"))["Rotations"]:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    old = new_key(admin, client)
    rotate = f"/admin/api-keys/{old['key_id']}/rotate"
    other = desk.member("admin")
    done(other("POST", rotate, {"reason": "a test"}, code=other.code()), 200)
    done(api.post("/api/v1/keys/claim", {}, key=old["api_key"]), 201)
    code_in(mailbox.next("key.claimed", address))
    value = operator("secretsmanager").get_secret_value(SecretId=secret)["SecretString"]
    done(token(stack, value), 200)
