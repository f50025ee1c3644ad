import { Document } from 'yaml'
import { z } from 'zod'
import { printable } from './error.ts'
import { escapeReferences } from './interpolate.ts'
import { Config } from './schema.ts'

/**
 * Writes the Config, every default included, as a `limpet.yaml` that loads to the same Config, under a comment.
 *
 * @param secrets hidden: for each stands a variable, which must be set to load the file; so that nobody reads one in a
 *   terminal or the log of a build, and no placeholder is ever signed with
 */
export function printConfig(config: Config, comment: string, secrets: 'told' | 'hidden' = 'told'): string {
  const document = new Document(z.encode(Config, config), escapeStrings, { compat: 'yaml-1.1' })
  if (secrets === 'hidden') hideSecrets(document, config)
  return `# ${printable(comment)}\n${document.toString({ lineWidth: 0 })}`
}

/** Headers of checks by which a server knows that it is asked by a friend. */
const credentials = ['authorization', 'proxy-authorization', 'cookie', 'x-api-key']

function hideSecrets(document: Document, { upstreams }: Config): void {
  let secrets = 0
  let headers = 0
  for (const { name, affinity, health } of upstreams) {
    if (affinity?.type === 'cookie' && affinity.secrets !== undefined) {
      const hidden = affinity.secrets.map(() => `\${COOKIE_SECRET_${++secrets}}`)
      document.setIn(['upstreams', name, 'affinity', 'secrets'], document.createNode(hidden))
    }
    if (health?.check?.type !== 'http') continue
    for (const header of Object.keys(health.check.headers).filter((header) => credentials.includes(header)))
      document.setIn(['upstreams', name, 'health', 'check', 'headers', header], `\${CHECK_HEADER_${++headers}}`)
  }
}

function escapeStrings(_key: unknown, value: unknown): unknown {
  return typeof value === 'string' ? escapeReferences(value) : value
}
