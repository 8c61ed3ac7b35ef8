# nginx by the conventions of the official image "nginx".
ARG BASE
FROM ${BASE}
EXPOSE 80
STOPSIGNAL SIGQUIT
CMD ["nginx", "-g", "daemon off;"]
