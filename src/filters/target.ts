/** The two parts of a target: `/path`, and `?query`, which may be empty. */
export function partsOf(target: string): readonly [path: string, query: string] {
  const mark = target.indexOf('?')
  return mark < 0 ? [target, ''] : [target.slice(0, mark), target.slice(mark)]
}

/** A path without that prefix, which is whole segments; undefined if it has another. */
export function withoutPrefix(path: string, prefix: string): string | undefined {
  if (path === prefix) return '/'
  return path.startsWith(prefix) && path[prefix.length] === '/' ? path.slice(prefix.length) : undefined
}
