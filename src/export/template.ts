import type { Template, Variable } from '../runtime/filter-settings.ts'

const variables: Partial<Record<Variable['from'], string>> = {
  'client.address': '$remote_addr',
  'request.id': '$limpet_request_id',
  'request.method': '$request_method',
  'request.scheme': '$scheme',
  'request.host': '$limpet_authority',
  'request.query': '$args',
  'request.target': '$request_uri',
}

/** What is known only once a server has been picked. */
const ofResponses: typeof variables = { 'upstream.name': '$proxy_host' }

/** The template as a text in which nginx expands variables; undefined if nginx has no such text. */
export function nginxText(template: Template): string | undefined {
  return textWith(template, nginxVariable)
}

/** The same in a header of responses. */
export function nginxResponseText(template: Template): string | undefined {
  return textWith(template, (variable) => nginxVariable(variable) ?? braced(ofResponses[variable.from]))
}

/** @param nameOf the variable of nginx, in braces; undefined if there is none */
export function textWith(template: Template, nameOf: (variable: Variable) => string | undefined): string | undefined {
  let text = ''
  for (const part of template) {
    const next = typeof part === 'string' ? literal(part) : nameOf(part)
    if (next === undefined) return undefined
    text += next
  }
  return text === '' ? undefined : text
}

/** nginx has no way to write a dollar sign. */
function literal(text: string): string | undefined {
  return text.includes('$') ? undefined : text
}

/** The variable of nginx with the same value. What nginx has decoded could have line ends, and is not among them. */
export function nginxVariable(variable: Variable): string | undefined {
  if (variable.from !== 'header') return braced(variables[variable.from])
  return /^[a-z0-9-]+$/.test(variable.name) ? braced(`$http_${variable.name.replaceAll('-', '_')}`) : undefined
}

/** So that what follows is not taken for a part of the name. */
function braced(variable: string | undefined): string | undefined {
  return variable && `\${${variable.slice(1)}}`
}
