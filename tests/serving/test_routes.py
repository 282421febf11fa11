import base64
from urllib.parse import unquote

from kedja.bundle import metadata as bundles


def test_class_names_and_model(serve_here, photos):
    client = serve_here(photos)
    metadata = bundles.load(photos)
    assert client.get("/class-names").json() == {"class_names": metadata.classes, "classes": metadata.classes}
    model = client.get("/model").json()
    assert model["version"] == metadata.version
    assert model["input"]["crop_fraction"] == 0.875
    assert model["model_card"].startswith("# fruit")
    assert model["golden_difference"] <= metadata.tolerance
    assert "golden" not in model


def test_a_random_image_is_a_sample_with_its_label(serve_here, photos):
    client = serve_here(photos)
    labels = set()
    for _ in range(40):
        response = client.get("/sample")
        assert response.headers["content-type"] == "image/jpeg"
        label = unquote(response.headers["x-label"])
        answer = client.post("/predict", content=response.content, headers={"Content-Type": "image/jpeg"}).json()
        assert answer["predicted_class"] == label
        labels.add(label)
    assert len(labels) == len({one.label for one in bundles.load(photos).golden})


def test_health(serve_here):
    client = serve_here()
    assert client.get("/health/live").json() == {"status": "alive"}
    assert client.get("/health/ready").json() == {"status": "ready"}
    client.app.state.service.ready = False
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert response.json()["error"]["code"] == "not-ready"
    assert client.get("/health/live").status_code == 200


def test_the_examples_of_the_openapi_document_work(serve_here, digits, photos):
    for bundle, names in ((digits, {"image", "images", "pixels"}), (photos, {"image", "images"})):
        client = serve_here(bundle)
        operation = client.get("/openapi.json").json()["paths"]["/predict"]["post"]
        content = operation["requestBody"]["content"]
        examples = content["application/json"]["examples"]
        assert set(examples) == names
        for example in examples.values():
            assert client.post("/predict", json=example["value"]).status_code == 200
        assert {"application/json", "multipart/form-data", "image/*"} <= set(content)
        assert {"200", "400", "413", "415", "422", "503"} <= set(operation["responses"])
        assert base64.b64decode(examples["image"]["value"]["image"])


def test_every_answer_carries_its_id_and_the_safe_headers(client):
    for path in ("/", "/docs", "/page/app.js", "/openapi.json", "/model", "/nowhere"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert len(headers["x-request-id"]) == 16
        assert "access-control-allow-origin" not in headers
    assert client.get("/health/live", headers={"X-Request-ID": "abc-1"}).headers["x-request-id"] == "abc-1"
    for bad in ("a b", "x" * 65, "<script>", ""):
        assert client.get("/health/live", headers={"X-Request-ID": bad}).headers["x-request-id"] != bad


def test_the_pages_need_nothing_from_elsewhere(client):
    for path in ("/", "/docs", *(f"/page/{name}" for name in ("app.js", "style.css", "docs.js", "icon.svg"))):
        response = client.get(path)
        assert response.status_code == 200
        addresses = response.text.replace("http://www.w3.org/2000/svg", "")
        assert "//" not in addresses.replace("// ", ""), path
        again = client.get(path, headers={"If-None-Match": response.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
