import { z } from 'zod'
import type { HeaderTemplate } from '../../runtime/filter-settings.ts'
import { alternatives, InvalidValue } from '../error.ts'
import { matching, oneOrMore, written } from '../field.ts'
import { framingFields, token } from '../header-fields.ts'
import { TemplateText } from './template.ts'

/** Headers of Limpet's own: what they say is not a filter's to change. */
const own = [
  ...framingFields,
  'forwarded',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
  'x-request-id',
]

const hints: Readonly<Record<string, string>> = {
  host: 'use the filter host',
  'x-forwarded-for': 'trustedProxies decides what is believed of it',
}

/** Whether it is one that filters cannot change. */
export function isOwnHeader(name: string): boolean {
  return own.includes(asKey(name))
}

function asKey(name: string): string {
  return name.toLowerCase().replaceAll('_', '-')
}

function checkedName(name: string): string {
  if (!isOwnHeader(name)) return name
  const lower = asKey(name)
  throw new InvalidValue(`a header other than ${alternatives(own)}`, hints[lower] ?? `leave out ${name}`)
}

export const HeaderName = written(matching(token, 'the name of a header'), checkedName, (name) => name)

/** From names of headers to their values. */
export const HeaderTemplates = z.codec(z.record(HeaderName, TemplateText), z.custom<HeaderTemplate[]>(), {
  decode: (headers) => Object.entries(headers).map(([name, value]) => ({ name, value })),
  encode: (headers) => Object.fromEntries(headers.map(({ name, value }) => [name, value])),
})

export const HeaderNames = oneOrMore(HeaderName, 'the name of a header')
