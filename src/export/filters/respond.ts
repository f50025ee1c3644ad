import { when } from '../refusal.ts'
import { nginxText } from '../template.ts'
import type { FilterExport, Of } from './filter-export.ts'
import { addTemplate, isPlainName, OWN_HEADERS } from './response-header.ts'
import { inexpressibleText, textAnswer } from './text-answer.ts'

type Respond = Of<'respond'>

const TYPE = 'content-type'

/** `return` with a text. */
export const respond: FilterExport<Respond> = {
  directives: ({ filter }) => ({
    answer: [
      ...filter.headers.filter(({ name }) => name.toLowerCase() !== TYPE).map(addTemplate),
      ...textAnswer(filter.status, typeOf(filter.headers) ?? 'text/plain; charset=utf-8', filter),
    ],
  }),
  problems: ({ filter, filter: { status, headers, body = '', file }, path }) => [
    ...when(
      [301, 302, 303, 307, 308, 418, 444].includes(status) || (status >= 494 && status <= 499),
      `${path}.status`,
      `nginx has a meaning of its own for return ${status}`,
      'use another status',
    ),
    ...when(
      headers.some(({ name, value }) => nginxText(value) === undefined || !isPlainName(name)) ||
        headers.some(({ name }) => OWN_HEADERS.includes(name.toLowerCase()) && name.toLowerCase() !== TYPE),
      `${path}.headers`,
      'nginx has no such variable, no $ in a text, no empty headers, and writes some headers itself',
      `leave out ${OWN_HEADERS.filter((name) => name !== TYPE).join(', ')}`,
    ),
    ...when(
      headers.some(({ name, value }) => name.toLowerCase() === TYPE && typeof value[0] !== 'string'),
      `${path}.headers.Content-Type`,
      'nginx has no variables in the type of an answer',
      'write it without',
    ),
    ...inexpressibleText(filter, path),
    ...when(
      file === undefined && body === '' && status >= 400,
      `${path}.body`,
      'nginx has a page of its own in place of an empty one',
      'write a body',
    ),
  ],
  changes: ({ headers }) =>
    headers.map(({ name }) => `response ${name.toLowerCase()}`).filter((name) => !name.endsWith(TYPE)),
}

function typeOf(headers: Respond['headers']): string | undefined {
  const found = headers.find(({ name }) => name.toLowerCase() === TYPE)
  return found && nginxText(found.value)
}
