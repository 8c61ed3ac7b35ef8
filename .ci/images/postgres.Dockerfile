# PostgreSQL by the conventions of the official image "postgres".
ARG BASE
FROM ${BASE}
COPY postgres-entrypoint /usr/local/bin/
EXPOSE 5432
STOPSIGNAL SIGINT
ENTRYPOINT ["/usr/local/bin/postgres-entrypoint"]
CMD ["postgres"]
