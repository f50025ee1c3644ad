# Limpet, the load balancer:
#   docker build -t limpet .
#   docker run -e STATIC_BACKEND="172.17.0.2:80 172.17.0.3:80" -e DYNAMIC_BACKEND="172.17.0.4:80" -p 8080:80 limpet
#   docker run -v "$PWD/limpet.yaml:/etc/limpet/limpet.yaml:ro" -v limpet-state:/var/lib/limpet -p 8080:80 limpet
# nginx instead of Limpet, with the configuration exported from the same environment variables:
#   docker build --target nginx -t limpet-nginx .

FROM node:26-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json ./
COPY scripts/build.ts scripts/build-dashboard.ts scripts/http-without-undici.ts scripts/licenses.ts scripts/
COPY src src
COPY demo demo
COPY dashboard dashboard
RUN node scripts/build-dashboard.ts && node scripts/build.ts
COPY bin bin
# The build includes all libraries.
RUN mkdir /opt/limpet && cp -r bin dist package.json /opt/limpet

# Libraries that Node needs and the nginx image lacks.
RUN mkdir /opt/libraries && ldd /usr/local/bin/node | awk '/libatomic/ { print $3 }' | xargs -r cp -Lt /opt/libraries

FROM node:26-bookworm-slim AS limpet
ARG VERSION=unreleased
LABEL org.opencontainers.image.title="Limpet" \
      org.opencontainers.image.description="A load balancer that keeps every user on their server" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION"
COPY --from=build /opt/limpet /opt/limpet
RUN ln -s /opt/limpet/bin/limpet.js /usr/local/bin/limpet \
 && install -d -o node /opt/limpet/.compiled \
 && install -d -m 700 -o node -g node /var/lib/limpet
ENV NODE_COMPILE_CACHE=/opt/limpet/.compiled \
    STATE_DIRECTORY=/var/lib/limpet
USER node
# Run once as the image's user to fill the compile cache, for a fast start. The state of this run does not get into the image.
RUN export STATE_DIRECTORY="$(mktemp -d)" STATIC_BACKEND=compiled DYNAMIC_BACKEND=once PORT=8080; limpet run & \
    until limpet healthcheck; do kill -0 $! || exit 1; done; kill $! && wait $! && rm -r "$STATE_DIRECTORY"
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
 && chown -R www-data /etc/nginx /var/cache/nginx /var/lib/nginx \
 && install -d -o www-data /opt/limpet/.compiled
ENV NODE_COMPILE_CACHE=/opt/limpet/.compiled
USER www-data
RUN STATIC_BACKEND=compiled DYNAMIC_BACKEND=once limpet export nginx >/dev/null
EXPOSE 80
STOPSIGNAL SIGQUIT
HEALTHCHECK --interval=15s --timeout=5s --start-period=5s CMD ["limpet", "healthcheck"]
ENTRYPOINT ["/bin/sh", "-c", "limpet export nginx --out /etc/nginx && exec nginx -g 'daemon off; pid /tmp/nginx.pid;'"]
CMD []

# Without --target, the load balancer.
FROM limpet
