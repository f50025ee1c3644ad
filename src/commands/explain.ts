import { Command, InvalidArgumentError } from 'commander'
import type { Explanation, Query } from '../planning/answers.ts'
import { printableLines } from '../runtime/printable.ts'
import { AdminClient } from './admin-client.ts'
import { type AdminOptions, withAdminOptions, withExamples } from './admin-options.ts'
import { CommandFailure } from './command-failure.ts'
import { explanationText } from './explanation-text.ts'
import { printJson } from './json.ts'

interface ExplainOptions extends AdminOptions {
  readonly path: string
  readonly method?: string
  readonly host?: string
  readonly header?: Pairs
  readonly cookie?: Pairs
  readonly ip?: string
  readonly https?: boolean
  readonly listener?: string
  readonly file?: string
}

type Pairs = Readonly<Record<string, string>>

/** `limpet explain`: where a request would go, and why. */
export function explainCommand(): Command {
  const command = new Command('explain')
    .summary('show where a request would go, and why')
    .description(
      'Shows what the running Limpet would do with a request, or what a configuration file says of it: the route, what each of its filters does, the session, ' +
        'each server and why it may not serve, the choice and its reason. Nothing is sent or counted.',
    )
    .requiredOption(
      '--path <path>',
      'the path of the request, perhaps with a query; or its URL, which also says the host and the listener',
    )
    .option('--method <method>', 'its method (default: GET)')
    .option('--host <host>', 'the host that it is for')
    .option('--header <header>', 'a header, as NAME: VALUE; may be given several times', pairsWith(':'))
    .option('--cookie <cookie>', 'a cookie, as NAME=VALUE; may be given several times', pairsWith('='))
    .option('--ip <address>', "the client's address, behind all trusted proxies (default: 127.0.0.1)")
    .option('--https', 'the client uses HTTPS')
    .option('--listener <listener>', 'the listener that it comes by: a port, ADDRESS:PORT, or unix:PATH')
    .option('--file <file>', 'explain by this configuration file instead of asking the running Limpet')
    .action(showExplanation)
  return withExamples(
    withAdminOptions(command),
    'limpet explain --path /cart --host shop.example.org --ip 203.0.113.9',
    'limpet explain --path http://shop.example.org/cart',
    "limpet explain --file limpet.yaml --path /api/ --method POST --header 'X-Version: 2'",
  )
}

/** Collects the values of an option that is given several times. */
function pairsWith(separator: string): (text: string, before?: Pairs) => Pairs {
  return (text, before = {}) => {
    const at = text.indexOf(separator)
    if (at <= 0) throw new InvalidArgumentError(`expected a name, ${JSON.stringify(separator)} and a value.`)
    return { ...before, [text.slice(0, at).trim()]: text.slice(at + 1).trim() }
  }
}

async function showExplanation(options: ExplainOptions): Promise<void> {
  const { path, method, host, header: headers, cookie: cookies, ip, https: secure, listener, file, json } = options
  const query = { path, method, host, headers, cookies, ip, secure, listener }
  const explanation = file === undefined ? await explainByRunning(query, options) : await explainByFile(query, file)
  if (json) printJson(explanation)
  else console.log(printableLines(explanationText(explanation)))
}

async function explainByRunning(query: Query, options: AdminOptions): Promise<Explanation> {
  const client = await AdminClient.from(options)
  return client.change('POST', '/v1/explain', { body: query })
}

async function explainByFile(query: Query, file: string): Promise<Explanation> {
  const { snapshotOfFile } = await import('./snapshot-of-file.ts')
  const { explain } = await import('../planning/explain.ts')
  const { Scoreboard } = await import('../runtime/scoreboard.ts')
  const { SessionTable } = await import('../runtime/session-table.ts')
  const scene = { snapshot: snapshotOfFile(file), scoreboard: new Scoreboard(), sessions: new SessionTable() }
  try {
    return await explain(scene, query)
  } catch (error) {
    if (error instanceof RangeError) throw new CommandFailure(error.message)
    throw error
  }
}
