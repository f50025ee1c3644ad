import { eventMeanings } from '../src/admin/event-meanings.ts'
import { fieldMeanings } from '../src/observability/log-events/log-field.ts'
import { logChapters } from '../src/observability/log-events.ts'

const INTRODUCTION = `# Events

Every line of the program's own log has an event. Its name stays the same when the message is reworded, so alerts should match names:

    journalctl --unit limpet --output cat | jq 'select(.event == "server-down") | .upstream, .server'

For that, write the log as JSON ([\`log\`](configuration.md#log)):

\`\`\`yaml
log: { format: json }
\`\`\`

\`\`\`
{"level":40,"time":"2026-11-26T20:32:43.818Z","event":"server-down","upstream":"shop","server":"shop-1","cause":"connect ECONNREFUSED","msg":"upstream shop: server shop-1 is down (connect ECONNREFUSED)"}
\`\`\`

\`level\` is 30 for info, 40 for warn and 50 for error; \`msg\` is the line as text has it. A line without a remedy below needs nobody.

This page is written by \`npm run events\`, from \`src/observability/log-events/\` and \`src/admin/event-meanings.ts\`.
`

/** docs/events.md: all events of the program's log and of the admin API. */
export function eventsPage(): string {
  const chapters = Object.values(logChapters).map(({ title, events }) => {
    const rows = Object.entries(events).map(([name, { level, fields, meaning, action }]) => {
      const listed = fields.map((field: string) => `\`${field}\``).join(', ')
      return `| \`${name}\` | ${level} | ${listed} | ${meaning} | ${action} |`
    })
    return `## ${title}\n\n| Event | Level | Fields | Meaning | What to do |\n|---|---|---|---|---|\n${rows.join('\n')}\n`
  })
  const fields = Object.entries(fieldMeanings).map(([name, meaning]) => `| \`${name}\` | ${meaning} |`)
  const types = Object.entries(eventMeanings).map(([name, meaning]) => `| \`${name}\` | ${meaning} |`)
  return [
    INTRODUCTION,
    ...chapters,
    `## Fields\n\n| Field | |\n|---|---|\n${fields.join('\n')}\n`,
    `## Events of the admin API\n\n\`GET /v1/events\` streams what happens ([the admin API](admin.md)). The type of each event, and what its data has:\n\n| Type | |\n|---|---|\n${types.join('\n')}\n`,
  ].join('\n')
}
