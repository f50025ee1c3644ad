/** The keys of sources whose values are secrets: they are in no message, no log and no print. */
const secretKeys: readonly PropertyKey[] = ['token', 'password']

/** Whether the path ends at a secret of a source, `upstreams.app.servers[0].token`. */
export function isSecretOfSource(path: readonly PropertyKey[]): boolean {
  const below = path.slice(path.indexOf('servers') + 1)
  return path.includes('servers') && (secretKeys.includes(path.at(-1)!) || below.includes('headers'))
}

/** The paths of the secrets that a source has: `[['token'], ['headers', 'authorization']]`. */
export function secretsOf(source: object): string[][] {
  const ofHeaders = 'headers' in source ? Object.keys(source.headers as object) : []
  const keys = Object.keys(source).filter((key) => secretKeys.includes(key))
  return [...keys.map((key) => [key]), ...ofHeaders.map((header) => ['headers', header])]
}
