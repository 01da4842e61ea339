# A service on a CPU: docker build -t lrfr . && docker run -p 8000:8000 -e LRFR_TOKEN=... -v MODELS:/models lrfr
FROM python:3.12-slim
RUN apt-get update && apt-get install -y --no-install-recommends libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/* && useradd --create-home lrfr
WORKDIR /opt/lrfr_mm
COPY . .
RUN pip install --no-cache-dir -c requirements/constraints.txt '.[optional,serve]'
USER lrfr
EXPOSE 8000
HEALTHCHECK CMD python -c "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/health')"
# LRFR_MODEL and LRFR_WEIGHTS name the recognizer, LRFR_TOKEN the token that a request needs.
ENTRYPOINT ["lrfr"]
CMD ["serve", "--host", "0.0.0.0", "--gallery", "/models/gallery"]
