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

function hideSecrets(document: Document, { upstreams }: Config): void {
  let count = 0
  for (const { name, affinity } of upstreams) {
    if (affinity?.type !== 'cookie' || affinity.secrets === undefined) continue
    const hidden = affinity.secrets.map(() => `\${COOKIE_SECRET_${++count}}`)
    document.setIn(['upstreams', name, 'affinity', 'secrets'], document.createNode(hidden))
  }
}

function escapeStrings(_key: unknown, value: unknown): unknown {
  return typeof value === 'string' ? escapeReferences(value) : value
}
