"""An MLServer runtime; its protocol takes base64 in JSON."""

import base64
import json

from mlserver import MLModel
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput
from model import decode, describe, open_session


class Classifier(MLModel):
    async def load(self) -> bool:
        self.session = open_session()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        text = payload.inputs[0].data[0]
        image = decode(base64.b64decode(text))
        answer = describe(self.session.run(["probabilities"], {"image": image[None]})[0][0])
        output = ResponseOutput(name="answer", shape=[1], datatype="BYTES", data=[json.dumps(answer)])
        return InferenceResponse(model_name=self.name, outputs=[output])
