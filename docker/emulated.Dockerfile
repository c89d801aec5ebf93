# An emulated scanner in a container, as CI or a newcomer would start it:
#   docker build -f docker/emulated.Dockerfile -t wsi-scanner .
#   docker run --rm -v "$PWD/scans:/scans" wsi-scanner
# Unverified: not built yet. The two lines above verify it.
FROM python:3.13-slim
WORKDIR /opt/wsi-scanner
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY firmware_host firmware_host
COPY training training
COPY export export
COPY benchmarks benchmarks
RUN pip install --no-cache-dir -c constraints.txt '.[twin]' && useradd --create-home scanner && install -d -o scanner /scans
USER scanner
ENTRYPOINT ["wsi-host"]
CMD ["scan", "--profile", "emulated", "--out", "/scans/emulated"]
