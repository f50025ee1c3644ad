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

/** The template as a text in which nginx expands variables; undefined if nginx has no such text. */
export function nginxText(template: Template): string | undefined {
  let text = ''
  for (const part of template) {
    const next = typeof part === 'string' ? literal(part) : variableIn(part)
    if (next === undefined) return undefined
    text += next
  }
  return text === '' ? undefined : text
}

/** nginx has no way to write a dollar sign. */
function literal(text: string): string | undefined {
  return text.includes('$') ? undefined : text
}

function variableIn(variable: Variable): string | undefined {
  if (variable.from !== 'header') return braced(variables[variable.from])
  return /^[a-z0-9-]+$/.test(variable.name) ? braced(`$http_${variable.name.replaceAll('-', '_')}`) : undefined
}

/** So that what follows is not taken for a part of the name. */
function braced(variable: string | undefined): string | undefined {
  return variable && `\${${variable.slice(1)}}`
}
