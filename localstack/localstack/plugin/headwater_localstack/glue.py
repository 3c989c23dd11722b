"""Serves Glue's catalog from moto. LocalStack is built on moto, but its community edition does not offer Glue."""

from localstack.aws.skeleton import Skeleton
from localstack.aws.spec import load_service
from localstack.services.moto import call_moto
from localstack.services.plugins import Service, aws_provider


@aws_provider()
def glue():
    model = load_service("glue")
    handlers = {name: lambda context, request: call_moto(context) for name in model.operation_names}
    return Service("glue", skeleton=Skeleton(model, handlers))
