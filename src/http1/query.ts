/** The value of the first parameter of that name in a target's query, as it stands there: nothing is decoded. */
export function parameterIn(target: string, name: string): string | undefined {
  const question = target.indexOf('?')
  if (question < 0) return undefined
  for (let from = question + 1; from < target.length; ) {
    const ampersand = target.indexOf('&', from)
    const to = ampersand < 0 ? target.length : ampersand
    if (target.startsWith(name, from) && target[from + name.length] === '=' && from + name.length < to) {
      return target.slice(from + name.length + 1, to)
    }
    from = to + 1
  }
  return undefined
}
