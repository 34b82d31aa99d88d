# SPDX-License-Identifier: Apache-2.0
"""Two nginx servers for the bench: a provider with a fixed answer, and the peer to compare with, a TLS-to-TLS reverse
proxy with a keep-alive pool."""
import json
import shutil

COMMON = """\
daemon off;
master_process on;
worker_processes {workers};
pid {folder}/pid;
error_log {folder}/error.log warn;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  client_body_buffer_size 256k;
  client_max_body_size 64m;
  keepalive_requests 1000000000;
  ssl_session_cache shared:s:4m;
  ssl_certificate {certificates}/good.pem;
  ssl_certificate_key {certificates}/good.key;
{rest}
}}
"""
PROVIDER = """\
  server {{
    listen {address}:443 ssl http2 backlog=4096;
    location / {{
      default_type application/json;
      client_body_in_single_buffer on;
      return 200 '{answer}';
    }}
  }}
"""
PROXY = """\
  upstream provider {{
    server {provider}:443;
    keepalive 256;
    keepalive_requests 1000000000;
  }}
  server {{
    listen {address}:443 ssl http2 backlog=4096;
    location / {{
      proxy_pass https://provider;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host api.openai.com;
      proxy_ssl_name api.openai.com;
      proxy_ssl_server_name on;
      proxy_ssl_verify on;
      proxy_ssl_trusted_certificate {certificates}/ca.pem;
      proxy_ssl_session_reuse on;
    }}
  }}
"""


def answer():
    content = "the tide comes in " * 40
    value = {"id": "chatcmpl-bench", "object": "chat.completion", "created": 1793600000, "model": "gpt-5",
             "choices": [{"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}],
             "usage": {"prompt_tokens": 500, "completion_tokens": 160, "total_tokens": 660}}
    return json.dumps(value)


def configure(folder, certificates, which, **more):
    folder.mkdir()
    rest = (PROVIDER if which == "provider" else PROXY).format(folder=folder, certificates=certificates, answer=answer(), **more)
    file = folder / "nginx.conf"
    file.write_text(COMMON.format(folder=folder, certificates=certificates, workers=1, rest=rest))
    return [shutil.which("nginx") or "/usr/sbin/nginx", "-p", folder, "-e", folder / "start.log", "-c", file]
