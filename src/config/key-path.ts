/** The path from the root of the file to a value: keys, and indexes of lists. */
export type KeyPath = readonly PropertyKey[]

/** A path as messages show it: `upstreams.static.servers[0].weight`, `routes[1].headers."x beta"`. */
export function formatPath(path: KeyPath): string {
  return path.reduce(extendPath, '')
}

/** The path, as messages show it, of the key or index `step` below `path`. */
export function extendPath(path: string, step: PropertyKey): string {
  if (typeof step === 'number') return `${path}[${step}]`
  const key = String(step)
  const shown = /^[\w$-]+$/.test(key) ? key : JSON.stringify(key)
  return path === '' ? shown : `${path}.${shown}`
}
