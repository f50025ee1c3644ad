import { z } from 'zod'
import { BasicAuthFilter } from './filters/basic-auth.ts'
import { ForwardAuthFilter } from './filters/forward-auth.ts'
import { HeadersFilter } from './filters/headers.ts'
import { JwtFilter } from './filters/jwt.ts'
import { RedirectFilter } from './filters/redirect.ts'
import { RespondFilter } from './filters/respond.ts'

/** All filters, by their names. To add a filter, add an entry here, one in FilterSettings and one in filters/registry.ts. */
const kinds = {
  basicAuth: BasicAuthFilter,
  forwardAuth: ForwardAuthFilter,
  headers: HeadersFilter,
  jwt: JwtFilter,
  redirect: RedirectFilter,
  respond: RespondFilter,
} as const

type Kinds = typeof kinds

/** A filter as the program holds it: its settings, and its name as their type. */
export type Filter = { [Name in keyof Kinds]: { type: Name } & z.output<Kinds[Name]> }[keyof Kinds]

type Optional = { [Name in keyof Kinds]: z.ZodExactOptional<Kinds[Name]> }

/** One key, the name of the filter, with its settings. */
const FilterEntry = z
  .strictObject(
    Object.fromEntries(Object.entries(kinds).map(([name, kind]) => [name, z.exactOptional(kind)])) as Optional,
  )
  .check(({ value, issues }) => {
    if (Object.keys(value).length === 1) return
    const hint = 'write each filter as an entry of its own, since their order counts'
    issues.push({ code: 'custom', message: 'one filter', params: { hint }, input: value })
  })
  .meta({ minProperties: 1, maxProperties: 1 })

/** One entry of `filters`. */
export const Filter = z
  .codec(FilterEntry, z.custom<Filter>(), {
    decode: (entry) => {
      const [type, settings] = Object.entries(entry)[0]!
      return { type, ...settings } as Filter
    },
    encode: ({ type, ...settings }) => ({ [type]: settings }) as z.output<typeof FilterEntry>,
  })
  .meta({ id: 'Filter' })

/** Filters that answer every request that they get. */
const answering: readonly Filter['type'][] = ['redirect', 'respond']

/** Whether no request gets past these filters. */
export function answerAll(filters: readonly Filter[]): boolean {
  return filters.some(({ type }) => answering.includes(type))
}
