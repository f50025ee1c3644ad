/** The way from the file's root to a value: keys, and indexes of lists. */
export type KeyPath = readonly PropertyKey[]

/** A path as messages show it: `upstreams.static.servers[0].weight`, `routes[1].headers."x beta"`. */
export function formatPath(path: KeyPath): string {
  return path.map(formatStep).join('').replace(/^\./, '')
}

function formatStep(step: PropertyKey): string {
  if (typeof step === 'number') return `[${step}]`
  const key = String(step)
  return /^[\w$-]+$/.test(key) ? `.${key}` : `.${JSON.stringify(key)}`
}
