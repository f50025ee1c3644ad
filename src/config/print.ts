import { stringify } from 'yaml'
import { z } from 'zod'
import { printable } from './error.ts'
import { escapeReferences } from './interpolate.ts'
import { Config } from './schema.ts'

/** Writes the Config, every default included, as a `limpet.yaml` that loads to the same Config, under a comment. */
export function printConfig(config: Config, comment: string): string {
  const yaml = stringify(z.encode(Config, config), escapeStrings, { lineWidth: 0, compat: 'yaml-1.1' })
  return `# ${printable(comment)}\n${yaml}`
}

function escapeStrings(_key: unknown, value: unknown): unknown {
  return typeof value === 'string' ? escapeReferences(value) : value
}
