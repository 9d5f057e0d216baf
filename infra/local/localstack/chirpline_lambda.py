"""
A plugin for LocalStack that runs functions as processes. LocalStack itself needs containers, and downloads a program into them.
It finds the plugin through the .dist-info next to this file, and uses it if LAMBDA_RUNTIME_EXECUTOR=process.
"""

import json
import os
import subprocess
from pathlib import Path

from localstack import config
from localstack.services.lambda_.invocation.executor_endpoint import ExecutorEndpoint
from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor
from localstack.utils.net import get_free_tcp_port

HOST = "127.0.0.1"
ENVIRONMENT = Path(__file__).with_name("environment.mjs")
STOP_SECONDS = 2


class ProcessExecutorPlugin(RuntimeExecutorPlugin):
    name = "process"

    def load(self, *args, **kwargs):
        return ProcessExecutor


class ProcessExecutor(RuntimeExecutor):
    """One environment of a function: a Node process that handles one event at a time."""

    def __init__(self, id, function_version):
        super().__init__(id, function_version)
        self.endpoint = ExecutorEndpoint(id, HOST, get_free_tcp_port())
        self.process = None

    def start(self, env_vars):
        self.endpoint.start()
        code = self.function_version.config.code.get_unzipped_code_location()
        variables = {name: str(value) for name, value in env_vars.items()} | {"LAMBDA_TASK_ROOT": str(code)}
        self.process = subprocess.Popen(
            [os.environ["LAMBDA_NODE"], str(ENVIRONMENT), str(self.endpoint.container_port)],
            # The process ends when this pipe is closed, even if LocalStack was killed.
            stdin=subprocess.PIPE,
            # Of LocalStack's own variables the function gets only PATH.
            env={"PATH": os.environ["PATH"], "FUNCTION": json.dumps(variables)},
        )
        self.endpoint.wait_for_startup()

    def stop(self):
        if self.process is not None:
            self.process.stdin.close()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.endpoint.shutdown()

    def get_address(self):
        return HOST

    def get_endpoint_from_executor(self):
        return HOST

    def get_runtime_endpoint(self):
        return f"http://{HOST}:{config.GATEWAY_LISTEN[0].port}{self.endpoint.get_endpoint_prefix()}"

    def invoke(self, payload):
        return self.endpoint.invoke(payload)

    def get_logs(self):
        return ""

    @classmethod
    def prepare_version(cls, function_version):
        function_version.config.code.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version):
        pass
