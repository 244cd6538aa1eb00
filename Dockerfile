# Two stages: the first has a compiler for the SQLite addon, the second has neither compiler nor npm.
FROM node:24-bookworm AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build && npm prune --omit=dev

FROM gcr.io/distroless/nodejs24-debian12:nonroot
LABEL org.opencontainers.image.title="linked-events" \
      org.opencontainers.image.description="Enrich Kafka event streams with entities from your data warehouse" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV NODE_ENV=production \
    NODE_OPTIONS="--enable-source-maps --disable-proto=delete" \
    LINKED_EVENTS_CONFIG=/etc/linked-events/linked-events.yaml
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
USER 65532:65532
EXPOSE 9464
# Node is process 1 and handles SIGTERM itself: it finishes its batches, commits, leaves the group and ends with 0.
ENTRYPOINT ["/nodejs/bin/node", "dist/main.js"]
CMD ["run"]
