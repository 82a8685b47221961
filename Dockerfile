# The shop, or one of its services, and nothing else: docker build --tag payments-lab .
FROM python:3.11-slim AS packages
COPY deploy/requirements.lock /requirements.lock
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --require-hashes -r /requirements.lock

FROM python:3.11-slim
COPY --from=packages /venv /venv
COPY payments_lab /app/payments_lab
WORKDIR /app
ENV PATH=/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001:10001
EXPOSE 8000
ENTRYPOINT ["python", "-m", "payments_lab"]
CMD ["serve", "--host", "0.0.0.0"]
