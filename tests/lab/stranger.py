"""What someone without the token gets from a host: run there as `python stranger.py ADDRESS`; prints JSON."""

import asyncio
import json
import sys
import urllib.error
import urllib.request

import grpc
from ray.core.generated import gcs_service_pb2, gcs_service_pb2_grpc, ray_client_pb2, ray_client_pb2_grpc

GCS, CLIENT, AGENT = 6379, 10001, 52365
AT_ONCE = 1000


async def open_ports(address: str) -> list[int]:
    """Every TCP port that takes a connection."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def connects(port: int) -> bool:
        async with gate:
            try:
                _, writer = await asyncio.wait_for(asyncio.open_connection(address, port), 5)
            except (OSError, TimeoutError):
                return False
            writer.close()
            return True

    found = await asyncio.gather(*(connects(port) for port in range(1, 65536)))
    return [port for port, is_open in enumerate(found, 1) if is_open]


def by_http(url: str, body: dict | None = None, token: str | None = None) -> str:
    """`401`, the first word of what is answered, or the kind of failure."""
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})  # noqa: S310
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return answer.read(200).decode(errors="replace").strip()
    except urllib.error.HTTPError as refused:
        return str(refused.code)
    except Exception as problem:
        return type(problem).__name__


def by_grpc(address: str, token: str | None = None) -> dict[str, str]:
    """Status of a call to the GCS and to Ray Client's server."""
    metadata = [("authorization", f"Bearer {token}")] if token else []
    request = gcs_service_pb2.GetAllNodeInfoRequest()
    calls = {
        "gcs": (GCS, gcs_service_pb2_grpc.NodeInfoGcsServiceStub, "GetAllNodeInfo", request),
        "client": (CLIENT, ray_client_pb2_grpc.RayletDriverStub, "KVGet", ray_client_pb2.KVGetRequest(key=b"x")),
    }  # fmt: skip
    told = {}
    for name, (port, stub, method, asked) in calls.items():
        with grpc.insecure_channel(f"{address}:{port}") as channel:
            try:
                getattr(stub(channel), method)(asked, timeout=10, metadata=metadata)
                told[name] = "OK"
            except grpc.RpcError as refused:
                told[name] = refused.code().name
    return told


def main(address: str) -> dict:
    """All of it."""
    ports = asyncio.run(open_ports(address))
    job = {"entrypoint": "touch /tmp/broken-in"}
    return {
        "ports": ports,
        "http": {port: by_http(f"http://{address}:{port}/") for port in ports if port != 22},
        "grpc": by_grpc(address),
        "job": by_http(f"http://{address}:{AGENT}/api/job_agent/jobs/", job),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1])))
