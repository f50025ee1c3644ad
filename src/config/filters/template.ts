import { z } from 'zod'
import type { Template, Variable } from '../../runtime/filter-settings.ts'
import { InvalidValue } from '../error.ts'
import { written } from '../field.ts'
import { nearest } from '../nearest.ts'
import { didYouMean } from '../validate.ts'

/** The variables without a name of their own. */
const plain = [
  'client.address',
  'request.id',
  'request.method',
  'request.scheme',
  'request.host',
  'request.path',
  'request.query',
  'request.target',
  'server.name',
  'upstream.name',
  'auth.user',
  'tls.subject',
] as const

/** What precedes the name of the others. */
const named = {
  'request.header.': 'header',
  'request.cookie.': 'cookie',
  'request.query.': 'query',
  'route.': 'route',
  'claim.': 'claim',
} as const

/**
 * `$${of.request}`, a literal `${of.request}` · `${of.request}`. Any other `${` is text: interpolate.ts has replaced variables of the
 * environment, which have no dot, and unescaped `$${` before anything else.
 */
const reference = /\$?\$\{([a-z]+\.[^{}]*)\}/g

const shown = [...plain, ...Object.keys(named).map((prefix) => `${prefix}NAME`)]

/** One character a byte, as heads are. */
function asBytes(literal: string): string {
  return Buffer.from(literal).toString('latin1')
}

function asText(literal: string): string {
  return Buffer.from(literal, 'latin1').toString()
}

function parseTemplate(text: string): Template {
  const parts: (string | Variable)[] = []
  let literal = ''
  let from = 0
  for (const { 0: whole, 1: name = '', index } of text.matchAll(reference)) {
    literal += text.slice(from, index)
    from = index + whole.length
    if (whole.startsWith('$$')) literal += whole.slice(1)
    else {
      if (literal !== '') parts.push(asBytes(literal))
      literal = ''
      parts.push(variableOf(name))
    }
  }
  literal += text.slice(from)
  return literal === '' ? parts : [...parts, asBytes(literal)]
}

function variableOf(name: string): Variable {
  const from = plain.find((each) => each === name)
  if (from !== undefined) return { from }
  for (const [prefix, kind] of Object.entries(named)) {
    if (!name.startsWith(prefix) || name.length === prefix.length) continue
    const own = name.slice(prefix.length)
    return { from: kind, name: kind === 'header' ? own.toLowerCase() : own }
  }
  const hint = didYouMean(nearest(name, shown)) ?? `write $\${ for a literal \${`
  throw new InvalidValue(`a variable of requests such as \${client.address}`, hint)
}

/** zod also calls this for a missing text, and then leaves the key out. */
function formatTemplate(template: Template = []): string {
  return template
    .map((part) =>
      typeof part === 'string' ? asText(part).replaceAll(/\$\{(?=[a-z]+\.[^{}]*\})/g, '$$$${') : formatVariable(part),
    )
    .join('')
}

function formatVariable(variable: Variable): string {
  if (!('name' in variable)) return `\${${variable.from}}`
  const prefix = Object.entries(named).find(([, kind]) => kind === variable.from)![0]
  return `\${${prefix}${variable.name}}`
}

/** Text with variables of the request. */
export const TemplateText = written(z.string('text'), parseTemplate, formatTemplate)
