# SPDX-License-Identifier: Apache-2.0
"""A web application of one page."""
from flask import Flask

app = Flask(__name__)


@app.route("/")
def index():
    return "served by Flask in a confined container\n"


app.run(host="0.0.0.0", port=5000)
