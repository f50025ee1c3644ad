import { Document } from 'yaml'
import { z } from 'zod'
import { isCredential } from '../runtime/credential-header.ts'
import { printable } from '../runtime/printable.ts'
import { filterUsersOf } from './filters/credentials.ts'
import { formatBypass } from './filters/maintenance-page.ts'
import { standingFilters } from './filters/standing-filters.ts'
import { escapeReferences } from './interpolate.ts'
import { Config } from './schema.ts'
import { secretsOf } from './sources/source-secrets.ts'

/**
 * Writes the Config, including all defaults, as a `limpet.yaml` that loads to the same Config, with a comment at the top.
 *
 * @param secrets hidden: replaces each secret with a variable, so that no secret appears in a terminal or a build log. The
 *   variable must be set to load the file, so a placeholder never becomes a signing key.
 */
export function printConfig(config: Config, comment: string, secrets: 'shown' | 'hidden' = 'shown'): string {
  const written = asWritten(config)
  const document = new Document(z.encode(Config, written), escapeStrings, { compat: 'yaml-1.1' })
  if (secrets === 'hidden') hideSecrets(document, written)
  return `# ${printable(comment)}\n${document.toString({ lineWidth: 0 })}`
}

/** Without the upstreams and routes of labels: the next run finds its own. */
function asWritten(config: Config): Config {
  const isWritten = ({ source }: { readonly source?: string }) => source === undefined
  return { ...config, routes: config.routes.filter(isWritten), upstreams: config.upstreams.filter(isWritten) }
}

function hideSecrets(document: Document, config: Config): void {
  const { listeners, routes, upstreams, admin, tracing } = config
  const tokens = admin === undefined || admin === 'off' ? [] : (admin.tokens ?? [])
  for (const [index, { source }] of tokens.entries())
    if ('value' in source) document.setIn(['admin', 'tokens', index, 'value'], `\${ADMIN_TOKEN_${index + 1}}`)
  for (const [index, header] of Object.keys(tracing?.headers ?? {}).entries())
    document.setIn(['tracing', 'headers', header], `\${TRACING_HEADER_${index + 1}}`)
  for (const [index, { tls }] of listeners.entries()) {
    const place = ['listeners', index, 'tls', 'acme']
    const key = ['externalAccount', 'key']
    if (tls?.acme?.externalAccount?.key !== undefined) document.setIn([...place, ...key], `\${ACME_KEY}`)
    if (tls?.acme?.fallback?.externalAccount?.key !== undefined)
      document.setIn([...place, 'fallback', ...key], `\${ACME_FALLBACK_KEY}`)
  }
  let conditions = 0
  for (const [index, { headers }] of routes.entries())
    for (const header of Object.keys(headers).filter(isCredential))
      document.setIn(['routes', index, 'headers', header], `\${ROUTE_HEADER_${++conditions}}`)
  let users = 0
  for (const { place, users: hidden } of filterUsersOf(config))
    document.setIn(place, document.createNode(hidden.map(() => `\${BASIC_AUTH_USER_${++users}}`)))
  let bypasses = 0
  for (const { filter, place } of standingFilters(config)) {
    if (filter.type !== 'maintenancePage') continue
    for (const [index, bypass] of (filter.bypass ?? []).entries()) {
      const secret = `\${MAINTENANCE_SECRET_${++bypasses}}`
      document.setIn([...place, 'bypass', index], formatBypass({ ...bypass, secret }))
    }
  }
  let secrets = 0
  let headers = 0
  let ofSources = 0
  for (const { name, servers, sources, affinity, health } of upstreams) {
    const written = servers.filter(({ source }) => source === undefined).length
    for (const [index, source] of sources.entries())
      for (const path of secretsOf(source))
        document.setIn(
          ['upstreams', name, 'servers', written + index, ...path],
          `\${SOURCE_${path[0]!.toUpperCase()}_${++ofSources}}`,
        )
    if (affinity?.type === 'cookie' && affinity.secrets !== undefined) {
      const hidden = affinity.secrets.map(() => `\${COOKIE_SECRET_${++secrets}}`)
      document.setIn(['upstreams', name, 'affinity', 'secrets'], document.createNode(hidden))
    }
    if (health?.check?.type !== 'http') continue
    for (const header of Object.keys(health.check.headers).filter(isCredential))
      document.setIn(['upstreams', name, 'health', 'check', 'headers', header], `\${CHECK_HEADER_${++headers}}`)
  }
}

function escapeStrings(_key: unknown, value: unknown): unknown {
  return typeof value === 'string' ? escapeReferences(value) : value
}
