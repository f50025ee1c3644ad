import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import type { Container } from '../../src/discovery/docker/container.ts'

interface ComposeService {
  readonly image?: string
  readonly container_name?: string
  readonly labels?: unknown
  readonly environment?: unknown
  readonly expose?: readonly string[]
  readonly deploy?: { readonly replicas?: number; readonly labels?: unknown }
}

/** The ports that images expose by themselves, of those that the fixtures name. */
const exposedBy: Readonly<Record<string, readonly number[]>> = {
  'traefik/whoami': [80],
  'jwilder/whoami': [8000],
  traefik: [80],
  nginx: [80],
  wordpress: [80],
  nextcloud: [80],
  'grafana/grafana': [3000],
  'prom/prometheus': [9090],
  'docker.n8n.io/n8nio/n8n': [5678],
  'filebrowser/filebrowser': [80],
  'vaultwarden/server': [80, 3012],
  'portainer/portainer-ce': [8000, 9000, 9443],
  'gitea/gitea': [22, 3000],
}

/** The containers that `docker compose up` would make of a file, without an engine. Later services are newer. */
export function containersOf(file: string): Container[] {
  const { services } = parse(readFileSync(file, 'utf8')) as { services: Record<string, ComposeService> }
  return Object.entries(services).flatMap(([service, described], index) =>
    Array.from({ length: described.deploy?.replicas ?? 1 }, (_, copy) => ({
      id: `${index}-${copy}`,
      name: described.container_name ?? `demo-${service}-${copy + 1}`,
      project: 'demo',
      service,
      created: index,
      labels: mappingOf(described.deploy?.labels ?? described.labels),
      environment: mappingOf(described.environment),
      ports: (described.expose ?? exposedBy[described.image?.replace(/:[^:/]*$/, '') ?? ''] ?? []).map(Number),
    })),
  )
}

/** A mapping, or a list of `key=value`, with the variables of Compose filled in. */
function mappingOf(written: unknown): Record<string, string> {
  const entries = Array.isArray(written)
    ? written.map((entry: string) => {
        const equals = entry.indexOf('=')
        return [entry.slice(0, equals), entry.slice(equals + 1)]
      })
    : Object.entries(written ?? {})
  return Object.fromEntries(entries.map(([key, value]) => [filledIn(key), filledIn(String(value))]))
}

/** `$$` is a dollar sign, and `${NAME:-value}` is the value. */
function filledIn(text: string): string {
  return text.replaceAll(/\$(?:(\$)|\{\w+:-([^}]*)\})/g, (_, dollar, value) => dollar ?? value)
}
