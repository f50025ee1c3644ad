import type { FilteredRequest } from '../exchange/filtered-request.ts'
import { escapedAddress, escapedParameter, escapedPath, escapedSegment } from '../http1/escape.ts'
import { unescaped } from '../http1/query.ts'
import { claimNamed, claimText } from '../runtime/claim-text.ts'
import type { Template, Variable } from '../runtime/filter-settings.ts'

/** Whether it has no variables. */
export function isConstant(template: Template): boolean {
  return template.every((part) => typeof part === 'string')
}

/** The text for that request: a variable that has no value is empty. */
export function render(template: Template, request: FilteredRequest): string {
  let text = ''
  for (const part of template) text += typeof part === 'string' ? part : (variableIn(part, request) ?? '')
  return text
}

/**
 * The same in a path or an address, in which no value ends the part that it stands in: after a question mark it is percent-encoded as the
 * value of a parameter, else as a path. Path and query of the request itself stay as they are written, where they stand for themselves.
 */
export function renderInTarget(template: Template, request: FilteredRequest): string {
  let text = ''
  for (const part of template)
    text += typeof part === 'string' ? escapedAddress(part) : targetPart(part, request, text.includes('?'))
  return text
}

function targetPart(variable: Variable, request: FilteredRequest, isInQuery: boolean): string {
  const value = variableIn(variable, request) ?? ''
  switch (variable.from) {
    case 'request.host':
    case 'request.path':
    case 'request.target':
      return isInQuery ? escapedParameter(value) : value
    case 'request.query':
      return isInQuery ? value : escapedPath(value)
    case 'auth.user':
    case 'claim':
      return escapedSegment(value)
    case 'tls.subject':
      return escapedSegment(Buffer.from(value).toString('latin1'))
    default: {
      const plain = variable.from === 'query' ? unescaped(value) : value
      return isInQuery ? escapedParameter(plain) : escapedPath(plain)
    }
  }
}

function variableIn(variable: Variable, request: FilteredRequest): string | undefined {
  switch (variable.from) {
    case 'client.address':
      return request.clientAddress.text
    case 'request.id':
      return request.id
    case 'request.method':
      return request.method
    case 'request.scheme':
      return request.isSecure ? 'https' : 'http'
    case 'request.host':
      return request.host
    case 'request.path':
      return request.targetPath
    case 'request.query':
      return request.targetQuery.slice(1)
    case 'request.target':
      return request.target
    case 'server.name':
      return request.serverName
    case 'upstream.name':
      return request.upstreamName
    case 'auth.user':
      return request.user
    case 'tls.subject':
      return request.tls?.clientCertificate?.subject
    case 'route':
      return request.parameter(variable.name)
    case 'claim':
      return request.claims && claimText(claimNamed(request.claims, variable.name))
    default:
      return request[variable.from](variable.name)
  }
}
