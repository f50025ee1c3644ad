import type { Problem } from '../config/error.ts'
import type { Route } from '../config/route.ts'
import type { Config } from '../config/schema.ts'
import { expressionIn } from '../routing/expression.ts'
import { hasParameters } from '../routing/path-form.ts'
import { inexpressibleTimeouts } from './inexpressible-timeouts.ts'
import { when } from './refusal.ts'
import { isConditional } from './route.ts'

/** What nginx cannot express of routes. */
export function inexpressibleRoutes({ routes, upstreams }: Config): Problem[] {
  const areConditional = routes.some(isConditional)
  const hosts = new Set(routes.map((route) => route.hosts.join(' ')))
  const hasNamesBelow = routes.some((route) => route.hosts.some((host) => host.startsWith('*.')))
  return routes.flatMap((route, index) => {
    const path = `routes[${index}]`
    const expressions = route.paths.filter((each) => expressionIn(each) !== undefined)
    const upstream = upstreams.find(({ name }) => name === route.upstream)
    return [
      ...conditionsOf(route, path),
      ...when(
        expressions.length > 0 && (areConditional || hosts.size > 1),
        `${path}.path`,
        'nginx does not go on to other locations from a regular expression whose route does not match',
        'export regular expressions only where all routes have the same hosts, and none has methods or headers',
      ),
      ...when(
        route.paths.some(hasParameters),
        `${path}.path`,
        'nginx has no parameters in paths',
        'write a regular expression: ~ ^/rooms/([^/]+)$',
      ),
      ...when(
        route.hosts.some((host) => expressionIn(host) !== undefined),
        `${path}.host`,
        'the export writes no regular expressions of hosts',
        'write names or wildcards',
      ),
      ...when(
        hasNamesBelow && route.hosts.some((host) => host.endsWith('.*')),
        `${path}.host`,
        'nginx does not go on to another server where a request matches wildcards of both kinds',
        'use wildcards of one kind',
      ),
      ...when(
        route.bodyLimit !== undefined && areConditional,
        `${path}.bodyLimit`,
        'nginx limits bodies before it looks at methods and headers of routes',
        'export it only where no route has methods or headers',
      ),
      ...(upstream === undefined || route.timeouts === undefined
        ? []
        : inexpressibleTimeouts({ ...upstream.timeouts, ...route.timeouts }, path)),
      ...when(
        route.retries?.within === 0,
        `${path}.retries.within`,
        'nginx reads 0 as no limit',
        'write 1ms, or tries: 1 for no retry at all',
      ),
    ]
  })
}

function conditionsOf(route: Route, path: string): Problem[] {
  const { methods, headers } = route
  return [
    ...methods.flatMap((method, at) => [
      ...when(
        method === 'TRACE',
        `${path}.methods[${at}]`,
        'nginx answers TRACE itself, with 405',
        'leave TRACE out of the list',
      ),
      ...when(
        !/^[A-Z_-]+$/.test(method),
        `${path}.methods[${at}]`,
        `nginx refuses the method ${method}, because it allows only letters, - and _`,
        `leave ${method} out of the list`,
      ),
    ]),
    ...Object.entries(headers).flatMap(([name, value]) => [
      ...when(
        !/^[a-z0-9-]+$/.test(name),
        `${path}.headers.${name}`,
        'nginx can match only headers whose names consist of letters, digits and -',
        'use another header',
      ),
      ...when(
        value === '',
        `${path}.headers.${name}`,
        'nginx cannot distinguish an empty header from a missing one',
        'require a value, such as "1"',
      ),
    ]),
    ...conditionsOfOthers(route, path),
  ]
}

/** Conditions that nginx does not have, or has in another way. */
function conditionsOfOthers(route: Route, path: string): Problem[] {
  const { query, cookies, listeners, clientCertificate, priority } = route
  return [
    ...when(
      Object.keys(query).length > 0,
      `${path}.query`,
      'nginx compares parameters as they are written, with escapes, and not the case of their names',
      'leave the route out, and write a map of $arg_NAME by hand',
    ),
    ...when(
      Object.keys(cookies).length > 0,
      `${path}.cookies`,
      'nginx does not compare the case of the names of cookies',
      'leave the route out, and write a map of $cookie_NAME by hand',
    ),
    ...when(
      listeners.length > 0,
      `${path}.listener`,
      'the export writes the same servers for all listeners',
      'leave the route out, and write a server of its own by hand',
    ),
    ...when(
      clientCertificate !== undefined,
      `${path}.clientCertificate`,
      'the export does not ask clients for certificates',
      'leave the route out, and write a map of $ssl_client_verify by hand',
    ),
    ...when(priority !== 0, `${path}.priority`, 'nginx has one order of locations', 'leave it out'),
  ]
}
