# Limpet, the load balancer:
#   docker build -t limpet .
#   docker run -e STATIC_BACKEND="172.17.0.2:80 172.17.0.3:80" -e DYNAMIC_BACKEND="172.17.0.4:80" -p 8080:80 limpet
#   docker run -v "$PWD/limpet.yaml:/etc/limpet/limpet.yaml:ro" -v limpet-state:/var/lib/limpet -p 8080:80 limpet
# The lab's own design, nginx on the export of the same environment:
#   docker build --target nginx -t limpet-nginx .

FROM node:26-bookworm-slim AS build
WORKDIR /opt/limpet
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund
# The optional packages are for the demo's servers only.
RUN npm prune --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund
COPY bin bin
COPY src src
# It runs from source, as in a checkout. Compiled once here, it starts as fast as if it were JavaScript.
RUN STATIC_BACKEND=compiled DYNAMIC_BACKEND=once NODE_COMPILE_CACHE=/opt/limpet/.compiled node bin/limpet.js check

# What Node needs beyond the libraries that every Debian has, for the image of nginx.
RUN mkdir /opt/libraries && ldd /usr/local/bin/node | awk '/libatomic/ { print $3 }' | xargs -r cp -Lt /opt/libraries

FROM node:26-bookworm-slim AS limpet
ARG VERSION=unreleased
LABEL org.opencontainers.image.title="Limpet" \
      org.opencontainers.image.description="A load balancer that keeps every user on their server" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION"
COPY --from=build /opt/limpet /opt/limpet
RUN ln -s /opt/limpet/bin/limpet.js /usr/local/bin/limpet \
 && install -d -m 700 -o node -g node /var/lib/limpet
ENV NODE_COMPILE_CACHE=/opt/limpet/.compiled \
    STATE_DIRECTORY=/var/lib/limpet
USER node
EXPOSE 80
HEALTHCHECK --interval=15s --timeout=5s --start-period=5s CMD ["limpet", "healthcheck"]
ENTRYPOINT ["limpet"]
CMD ["run"]

FROM nginx:stable AS nginx
ARG VERSION=unreleased
LABEL org.opencontainers.image.title="Limpet's nginx" \
      org.opencontainers.image.description="nginx on the export of a Limpet configuration" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION"
COPY --from=build /usr/local/bin/node /usr/local/bin/node
COPY --from=build /opt/libraries/ /usr/local/lib/
COPY --from=build /opt/limpet /opt/limpet
RUN ln -s /opt/limpet/bin/limpet.js /usr/local/bin/limpet \
 && ldconfig \
 && mkdir -p /etc/nginx/conf.d /var/cache/nginx /var/lib/nginx \
 && chown -R www-data /etc/nginx /var/cache/nginx /var/lib/nginx
ENV NODE_COMPILE_CACHE=/opt/limpet/.compiled
USER www-data
EXPOSE 80
STOPSIGNAL SIGQUIT
HEALTHCHECK --interval=15s --timeout=5s --start-period=5s CMD ["limpet", "healthcheck"]
ENTRYPOINT ["/bin/sh", "-c", "limpet export nginx --out /etc/nginx && exec nginx -g 'daemon off; pid /tmp/nginx.pid;'"]
CMD []

# Without --target, the load balancer.
FROM limpet
