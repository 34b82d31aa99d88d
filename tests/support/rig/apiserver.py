# SPDX-License-Identifier: Apache-2.0
"""A DOUBLE of a Kubernetes API server, not the real one: it serves the pods of one node as lists (in pages), watches with
bookmarks, 410 Gone for versions it no longer has, and bearer tokens that change. Over TLS, on loopback, in threads."""
import http.server
import json
import ssl
import subprocess
import threading
import urllib.parse


def pod(namespace, name, uid, service_account="default", labels=None, owner=None, containers=()):
    """containers: (id, name, image, digest)."""
    metadata = {"namespace": namespace, "name": name, "uid": uid, "labels": labels or {}}
    if owner:
        kind, _, owner_name = owner.partition("/")
        metadata["ownerReferences"] = [{"kind": kind, "name": owner_name, "controller": True}]
    statuses = [{"containerID": f"containerd://{identity}", "name": container, "image": image, "imageID": f"{image.split(':')[0]}@{digest}"}
                for identity, container, image, digest in containers]
    return {"metadata": metadata, "spec": {"serviceAccountName": service_account, "nodeName": "node-1"}, "status": {"containerStatuses": statuses}}


class ApiServerDouble:
    def __init__(self, folder, node="node-1", page=2):
        self.node, self.page, self.token = node, page, "token-1"
        self.folder = folder
        folder.mkdir()
        self.certificate, self.key, self.token_file = folder / "ca.pem", folder / "key.pem", folder / "token"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=double",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", self.key, "-out", self.certificate], check=True, capture_output=True)
        self.token_file.write_text(self.token)
        self.version, self.oldest = 100, 100
        self.pods, self.events, self.seen = {}, [], []
        self.change = threading.Condition()
        self.cut = 0  # watches that began before this number end
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def config(self):
        return {"url": f"https://127.0.0.1:{self.server.server_port}", "ca": self.certificate, "token": self.token_file, "node": self.node, "wait": "2s"}

    def requests(self, kind):
        return [query for what, query in self.seen if what == kind]

    def happen(self, kind, value):
        with self.change:
            self.version += 1
            value["metadata"]["resourceVersion"] = str(self.version)
            if kind == "DELETED":
                self.pods.pop(value["metadata"]["uid"], None)
            elif kind != "BOOKMARK":
                self.pods[value["metadata"]["uid"]] = value
            self.events.append((self.version, {"type": kind, "object": value}))
            self.change.notify_all()

    def put(self, value):
        self.happen("MODIFIED" if value["metadata"]["uid"] in self.pods else "ADDED", value)

    def remove(self, value):
        self.happen("DELETED", value)

    def bookmark(self):
        self.happen("BOOKMARK", {"kind": "Pod", "metadata": {}})

    def drop_watches(self):
        with self.change:
            self.cut += 1
            self.change.notify_all()

    def compact(self):
        """Forgets all versions but the present one: whoever resumes from an earlier one gets 410."""
        with self.change:
            self.oldest, self.events = self.version + 1, []
            self.version += 1

    def change_token(self, token):
        self.token = token
        self.token_file.write_text(token)

    def end(self):
        self.drop_watches()
        self.server.shutdown()
        self.server.server_close()

    def handler(double):  # noqa: N805
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def answer(self, status, value):
                body = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                url = urllib.parse.urlsplit(self.path)
                query = {name: values[0] for name, values in urllib.parse.parse_qs(url.query).items()}
                if self.headers.get("Authorization") != f"Bearer {double.token}":
                    double.seen.append(("unauthorized", query))
                    return self.answer(401, {"kind": "Status", "code": 401})
                if url.path != "/api/v1/pods" or query.get("fieldSelector") != f"spec.nodeName={double.node}":
                    return self.answer(404, {"kind": "Status", "code": 404})
                double.seen.append(("watch" if "watch" in query else "list", query))
                return self.watch(query) if "watch" in query else self.list(query)

            def list(self, query):
                with double.change:
                    at, pods = int(query.get("continue", "0")), list(double.pods.values())
                    metadata = {"resourceVersion": str(double.version)}
                    if at + double.page < len(pods):
                        metadata["continue"] = str(at + double.page)
                    return self.answer(200, {"kind": "PodList", "metadata": metadata, "items": pods[at:at + double.page]})

            def watch(self, query):
                at, began = int(query["resourceVersion"]), double.cut
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                if at < double.oldest:
                    self.line({"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired"}})
                while at >= double.oldest:
                    with double.change:
                        due = [event for event in double.events if event[0] > at]
                        if not due and double.cut == began:
                            double.change.wait(1)
                        if not due and double.cut != began:
                            break
                    for version, event in due:
                        self.line(event)
                        at = version
                self.wfile.write(b"0\r\n\r\n")

            def line(self, event):
                # In two pieces, as a network may deliver it.
                text = json.dumps(event).encode() + b"\n"
                for piece in (text[:20], text[20:]):
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                    self.wfile.flush()

        return Handler
