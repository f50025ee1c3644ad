/** The keys of sources whose values are secrets: they are in no message, no log and no print. */
const secretKeys: readonly PropertyKey[] = ['token', 'password']

/** Whether the path ends at a secret of a source, `upstreams.app.servers[0].token`. */
export function isSecretOfSource(path: readonly PropertyKey[]): boolean {
  return path.includes('servers') && secretKeys.includes(path.at(-1)!)
}

/** The secrets that a source has, by their keys. */
export function secretsOf(source: object): string[] {
  return Object.keys(source).filter((key) => secretKeys.includes(key))
}
