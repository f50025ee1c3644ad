import { InvalidValue } from './error.ts'

/** `$${of.request}` or `${of.request}` · `$${` · `${NAME}` · `${NAME:-default}` · any other `${`, which is invalid. */
const reference = /\$?\$\{[a-z]+\.[^{}]*\}|\$\$\{|\$\{(?:([A-Za-z_]\w*)(?::-([^{}]*))?\}|[^}]*\}?)/g

/** A variable of requests, which has a dot in its name, escaped or not: they are left to config/filters/template.ts. */
const ofRequest = /^\$?\$\{[a-z]+\./

/**
 * Expands environment variables in one value of the file. `${NAME}` must be set; `${NAME:-default}` gives the default
 * when NAME is unset or empty; `$${` is a literal `${`. Variables of requests, and `$${` before their names, stay as they are. References
 * in a variable's own value are not expanded.
 * Throws InvalidValue.
 */
export function interpolate(text: string, env: NodeJS.ProcessEnv): string {
  return text.replace(reference, (whole: string, name?: string, fallback?: string) => {
    if (ofRequest.test(whole)) return whole
    if (whole === '$${') return '${'
    if (name === undefined) throw new InvalidValue(`\${NAME} or \${NAME:-default}`, `write $\${ for a literal \${`)
    return lookUp(name, fallback, env)
  })
}

/** Whether a value is one variable and nothing else. Only then can it become a number or a boolean. */
export function isOneVariable(text: string): boolean {
  return /^\$\{[^{}]*\}$/.test(text)
}

/** The text that `interpolate` turns back into `text`, in any environment. */
export function escapeReferences(text: string): string {
  return text.replaceAll(/\$\{(?![a-z]+\.[^{}]*\})/g, '$$$${')
}

/** A text from the environment or the command line as a number or a boolean, if it looks like one; else the text. */
export function scalar(text: string): string | number | boolean {
  if (/^[+-]?\d+(?:\.\d+)?$/.test(text)) return Number(text)
  return text === 'true' || text === 'false' ? text === 'true' : text
}

function lookUp(name: string, fallback: string | undefined, env: NodeJS.ProcessEnv): string {
  const value = env[name]
  if (fallback !== undefined) return value || fallback
  if (value === undefined) throw new InvalidValue(`the environment variable ${name} to be set`, hintFor(name))
  return value
}

function hintFor(name: string): string {
  return `set it, or give a default: \${${name}:-default}`
}
