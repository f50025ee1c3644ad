import type { FilteredRequest } from '../exchange/filtered-request.ts'
import type { FilteredResponse } from '../exchange/filtered-response.ts'

/** What is passed on of a head at some time. */
export interface PassedHead {
  readonly fields: readonly (readonly [name: string, value: string])[]
  /** Of a request: the Host that the server gets. */
  readonly host?: string
}

export function passedRequest({ edits, fields, host }: FilteredRequest): PassedHead {
  return { fields, host: edits.hasServersHost ? "of the server's own address" : host }
}

/** What filters have put there so far. */
export function passedResponse({ edits }: FilteredResponse): PassedHead {
  return { fields: edits.added }
}

/**
 * What a filter has changed, one phrase each.
 *
 * @param shown a value of a field of that name, as it may be shown
 */
export function changesInWords(
  before: PassedHead,
  after: PassedHead,
  shown: (name: string, value: string) => string,
): string[] {
  const [was, is] = [valuesByName(before), valuesByName(after)]
  const removed = [...was].filter(([key]) => !is.has(key)).map(([, { name }]) => `removes ${name}`)
  const put = [...is].flatMap(([key, { name, values }]) => {
    const old = was.get(key)?.values ?? []
    const isKept = old.every((value, index) => value === values[index])
    if (isKept && values.length === old.length) return []
    const verb = isKept && old.length > 0 ? 'adds' : 'sets'
    return (isKept ? values.slice(old.length) : values).map((value) =>
      value === '' ? `${verb} an empty ${name}` : `${verb} ${name}: ${shown(name, value)}`,
    )
  })
  return [...removed, ...put, ...(before.host === after.host ? [] : [`sends the Host ${after.host}`])]
}

function valuesByName({ fields }: PassedHead): Map<string, { readonly name: string; readonly values: string[] }> {
  const byName = new Map<string, { readonly name: string; readonly values: string[] }>()
  for (const [name, value] of fields) {
    const key = name.toLowerCase()
    const known = byName.get(key)
    if (known === undefined) byName.set(key, { name, values: [value] })
    else known.values.push(value)
  }
  return byName
}
