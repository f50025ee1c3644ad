import { createHash } from 'node:crypto'

/** What a server's name and id may be, as in the configuration. */
const valid = /^[\w.:[\]-]{1,200}$/

/** The name that a source has for a server, as Limpet may write it: another one with a hash of it, where it has other characters. */
export function serverName(found: string): string {
  if (valid.test(found)) return found
  const readable = found.replaceAll(/[^\w.:[\]-]+/g, '-').slice(0, 150)
  return `${readable}-${createHash('sha256').update(found).digest('hex').slice(0, 8)}`
}
