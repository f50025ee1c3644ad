import type { Mistake } from '../../provider.ts'
import type { Container } from '../container.ts'

/** The port of a container that does not say one: the only one that it exposes. Or what is wrong. */
export function onlyPort({ name, ports }: Container): number | Mistake {
  const [port, ...others] = ports
  if (port !== undefined && others.length === 0) return port
  const where = `container ${name}: label limpet.port`
  return port === undefined
    ? {
        where,
        message: 'expected a port, since the container exposes none',
        hint: 'add the label limpet.port=8080, or such',
      }
    : {
        where,
        message: `expected one of the ports that the container exposes: ${ports.join(', ')}`,
        hint: `add the label limpet.port=${port}`,
      }
}
