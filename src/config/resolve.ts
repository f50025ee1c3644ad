import { contradictions, nothingToServe } from './consistency.ts'
import { withCookieNames } from './cookie-names.ts'
import { isOneVariable, scalar } from './interpolate.ts'
import { formatPath, type KeyPath } from './key-path.ts'
import { Config } from './schema.ts'
import { type Issue, type Outcome, validate } from './validate.ts'

/**
 * The Config that a file's value describes, or all issues with it. `expanded` maps the path of a value (as `formatPath`
 * writes it) to its text before environment variables were expanded. If that text was exactly one variable, the value is
 * converted to the number or boolean that the schema expects. Changes `file` in place.
 */
export function resolve(file: unknown, expanded: ReadonlyMap<string, string> = new Map()): Outcome<Config> {
  let outcome = validate(Config, file)
  if ('issues' in outcome && convertExpanded(file, outcome.issues, expanded)) outcome = validate(Config, file)
  const issues = [...nothingToServe(file), ...('issues' in outcome ? outcome.issues : []), ...contradictions(file)]
  return 'issues' in outcome || issues.length > 0 ? { issues } : { value: withCookieNames(outcome.value) }
}

function convertExpanded(file: unknown, issues: readonly Issue[], expanded: ReadonlyMap<string, string>): boolean {
  const isVariable = (path: KeyPath) => isOneVariable(expanded.get(formatPath(path)) ?? '')
  const convertible = issues.filter(({ path, wanted }) => wanted !== undefined && isVariable(path))
  for (const { path, wanted } of convertible) convert(file, path, wanted)
  return convertible.length > 0
}

function convert(file: unknown, path: KeyPath, wanted: Issue['wanted']): void {
  let parent = file as Record<PropertyKey, unknown>
  for (const key of path.slice(0, -1)) parent = parent[key] as Record<PropertyKey, unknown>
  const last = path.at(-1)!
  const value = scalar(String(parent[last]))
  if (typeof value === wanted) parent[last] = value
}
