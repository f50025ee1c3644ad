import { InvalidValue } from '../../../config/error.ts'
import type { Container } from '../container.ts'
import type { LabelMistakes } from '../label-mistakes.ts'
import { alternativesOf } from './alternatives.ts'
import type { Definition } from './definitions.ts'
import type { Requirements } from './requirements.ts'
import { parseRule } from './rule.ts'
import { parseList, parseSwitch, parseWhole } from './values.ts'

/** The names that Traefik's own documentation gives to the ports 80 and 443. */
const usualEntryPoints = ['web', 'websecure', 'http', 'https']

/** What a router requires of a request, and how early Traefik would ask it. */
export interface RoutedRule {
  readonly alternatives: readonly Requirements[]
  readonly priority: number
}

/** The rule of a router, or of Traefik's default for its container; no alternatives where it cannot be used, which is reported. */
export function ruleOf(
  { name, fields, container }: Definition,
  defaultHost: string,
  mistakes: LabelMistakes,
): RoutedRule {
  const written = fields.get('rule')
  const priority = fields.get('priority')
  const rule = written?.value.trim() ?? `Host(\`${defaultHost}\`)`
  const label = written ?? { container, label: `traefik.http.routers.${name}.rule`, value: rule }
  if (written === undefined)
    mistakes.add(label, `is missing: the route is Traefik's default, ${rule}`, 'write this label')
  const entryPoints = fields.get('entrypoints')
  const unusual = parseList(entryPoints?.value ?? '').find((name) => !usualEntryPoints.includes(name.toLowerCase()))
  if (entryPoints !== undefined && unusual !== undefined)
    mistakes.add(
      entryPoints,
      `names ${unusual}: here, every listener serves the route`,
      'a route for some clients only needs a Limpet of its own',
    )
  const { alternatives, refused } = mistakes.attempt(label, () => alternativesOf(parseRule(rule))) ?? {
    alternatives: [],
    refused: [],
  }
  for (const refusal of refused) mistakes.refuse(label, refusal)
  return {
    alternatives,
    priority: (priority && mistakes.attempt(priority, (text) => parseWhole(text, 0, 999_999_999))) || rule.length,
  }
}

export function ruleLabel({ name, container }: Definition): { container: Container; label: string } {
  return { container, label: `traefik.http.routers.${name}.rule` }
}

/** Whether it serves requests that come by TLS, and no others. */
export function isSecure({ fields }: Definition): boolean {
  return [...fields].some(([key, { value }]) => key.startsWith('tls.') || (key === 'tls' && isOn(value)))
}

function isOn(value: string): boolean {
  try {
    return parseSwitch(value.trim())
  } catch {
    return false
  }
}

/** Whether its TLS options would refuse clients that Limpet would serve. */
export function needsTlsOptions({ fields }: Definition, mistakes: LabelMistakes): boolean {
  const options = fields.get('tls.options')
  if (options === undefined || /^default(?:@\w+)?$/.test(options.value.trim())) return false
  const hint = 'write tls.clientCertificates at the listener if they demand certificates, and leave out this label'
  mistakes.add(
    options,
    'is not supported: the route is not served, because the options may demand certificates of clients',
    hint,
  )
  return true
}

/** The service that a router names. Throws InvalidValue. */
export function serviceNamed(written: string, known: ReadonlyMap<string, unknown>): string {
  const [, name = '', provider = 'docker'] = /^([^@]*)(?:@(.*))?$/.exec(written)!
  if (provider === 'internal')
    throw new InvalidValue(
      'a service of a container',
      `${written} is Traefik's own: limpet dashboard shows what Limpet does`,
    )
  if (provider !== 'docker' && provider !== 'swarm')
    throw new InvalidValue(
      'a service of a container',
      `write the upstream and its route in the configuration instead of ${written}`,
    )
  if (!known.has(name)) throw new InvalidValue('a service that a container defines')
  if (!/^[A-Za-z0-9][\w.-]*$/.test(name)) throw new InvalidValue('a name of letters, digits and . _ -')
  return name
}
