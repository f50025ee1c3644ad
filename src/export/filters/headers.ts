import { block, type Directive, directive } from '../directive.ts'
import { when } from '../refusal.ts'
import { nginxResponseText, nginxText } from '../template.ts'
import { earlier, type FilterExport, isOf, type Of } from './filter-export.ts'
import { inexpressibleNames, setRequestHeader } from './request-header.ts'
import { addAbsent, addTemplate, isPlainName, OWN_HEADERS, underscored } from './response-header.ts'

type Headers = Of<'headers'>

/** `proxy_set_header`, `proxy_hide_header` and `add_header`. */
export const headers: FilterExport<Headers> = {
  directives: ({ filter: { request, response }, word }) => {
    const absent = addAbsent(response.default, word)
    const added = [...response.set, ...response.add].map(addTemplate)
    return {
      shared: [...request.default.map(({ name, value }) => ifMissing(name, nginxText(value)!, word)), ...absent.shared],
      passing: [
        ...(request.remove ?? []).flatMap((name) => setRequestHeader(name, '')),
        ...request.set.flatMap(({ name, value }) => setRequestHeader(name, nginxText(value)!)),
        ...request.default.map(({ name }) => directive('proxy_set_header', name, presentVariable(name, word))),
        ...[...(response.remove ?? []), ...response.set.map(({ name }) => name)].map((name) =>
          directive('proxy_hide_header', name),
        ),
      ],
      response: [...added, ...absent.response],
      ownResponse: [...added, ...absent.ownResponse],
    }
  },
  problems: (standing) => {
    const { filter, path } = standing
    const { request, response } = filter
    const isOdd = ({ value }: { readonly value: Headers['request']['set'][number]['value'] }) =>
      nginxText(value) === undefined
    return [
      ...when(
        [...request.set, ...request.default].some(isOdd) ||
          [...response.set, ...response.add, ...response.default].some(
            ({ value }) => nginxResponseText(value) === undefined,
          ),
        path,
        'nginx has no such variable, no $ in a text, and no empty headers',
        'use client.address, request.id, request.host and the like',
      ),
      ...when(
        request.add.length > 0,
        `${path}.request.add`,
        'nginx can set and remove headers of requests, not add any',
        'use set or default',
      ),
      ...when(
        request.default.some(({ name }) => !isPlainName(name)),
        `${path}.request.default`,
        'nginx knows only headers whose names consist of letters, digits and -',
        'use another header',
      ),
      ...inexpressibleNames([...(request.remove ?? []), ...request.set.map(({ name }) => name)], `${path}.request`),
      ...when(
        responseNames(filter).some((name) => OWN_HEADERS.includes(name) || !isPlainName(name)),
        `${path}.response`,
        'nginx writes some headers of answers itself',
        `leave out ${OWN_HEADERS.join(', ')}, and names with other characters than letters, digits and -`,
      ),
      ...when(
        tellsOfRequest(filter) && earlier(standing).some((each) => isOf(each, 'headers', 'host', 'path')),
        path,
        'nginx has no order of filters that change the same thing',
        'put it before the others',
      ),
    ]
  },
  changes: (filter) => [
    ...requestNames(filter).map((name) => `request ${name}`),
    ...responseNames(filter).map((name) => `response ${name}`),
  ],
}

/** Whether it says of the request what a filter before it may change, which nginx takes from the client. */
function tellsOfRequest({ request, response }: Headers): boolean {
  return [request.set, request.default, response.set, response.add, response.default]
    .flat()
    .some(({ value }) => value.some((part) => typeof part !== 'string' && changeable.includes(part.from)))
}

const changeable = ['header', 'request.host', 'request.query', 'request.target']

/** The value of a header of the request, or that one if there is none. */
function ifMissing(name: string, value: string, word: string): Directive {
  const variable = `$http_${underscored(name)}`
  return block('map', [variable, presentVariable(name, word)], [directive('default', variable), directive('', value)])
}

function presentVariable(name: string, word: string): string {
  return `$limpet_present_${word}_${underscored(name)}`
}

function requestNames({ request: { remove = [], set, add, default: absent } }: Headers): string[] {
  return [...remove, ...[...set, ...add, ...absent].map(({ name }) => name)].map((name) => name.toLowerCase())
}

function responseNames({ response: { remove = [], set, add, default: absent } }: Headers): string[] {
  return [...remove, ...[...set, ...add, ...absent].map(({ name }) => name)].map((name) => name.toLowerCase())
}
