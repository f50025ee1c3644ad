import { InvalidValue } from './error.ts'

/** `$${` · `${NAME}` · `${NAME:-default}` · any other `${`, which is a mistake. */
const reference = /\$\$\{|\$\{(?:([A-Za-z_]\w*)(?::-([^{}]*))?\}|[^}]*\}?)/g

/**
 * Puts environment variables into one value of the file. `${NAME}` must be set; `${NAME:-default}` gives the default
 * when NAME is unset or empty; `$${` is a literal `${`. What a variable holds is not looked at again.
 * Throws InvalidValue.
 */
export function interpolate(text: string, env: NodeJS.ProcessEnv): string {
  return text.replace(reference, (whole: string, name?: string, fallback?: string) => {
    if (whole === '$${') return '${'
    if (name === undefined) throw new InvalidValue(`\${NAME} or \${NAME:-default}`, `write $\${ for a literal \${`)
    return lookUp(name, fallback, env)
  })
}

/** Whether a value is one variable and nothing else, so that a number or a boolean may come of it. */
export function isOneVariable(text: string): boolean {
  return /^\$\{[^{}]*\}$/.test(text)
}

/** The text that `interpolate` turns back into `text`, whatever the environment. */
export function escapeReferences(text: string): string {
  return text.replaceAll('${', '$$${')
}

/** What a text from the environment or the command line means where a number or a boolean is wanted; else itself. */
export function scalar(text: string): string | number | boolean {
  if (/^[+-]?\d+(?:\.\d+)?$/.test(text)) return Number(text)
  return text === 'true' || text === 'false' ? text === 'true' : text
}

function lookUp(name: string, fallback: string | undefined, env: NodeJS.ProcessEnv): string {
  const value = env[name]
  if (fallback !== undefined) return value || fallback
  if (value === undefined) throw new InvalidValue(`the environment variable ${name} to be set`, mend(name))
  return value
}

function mend(name: string): string {
  return `set it, or give a default: \${${name}:-default}`
}
