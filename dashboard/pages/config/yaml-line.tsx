/** One line of YAML, as Limpet writes it: a comment, or a key and a scalar. */
export function YamlLine({ text, number }: { readonly text: string; readonly number: number }) {
  const [, indent = '', key = '', rest = ''] = /^([\s-]*)((?:"[^"]*"|[^\s:#"'][^:]*):(?=\s|$))?(.*)$/.exec(text) ?? []
  return (
    <div class="line">
      <span class="line-number" aria-hidden="true">
        {number}
      </span>
      <code>
        {indent}
        {key !== '' && <span class="key">{key}</span>}
        <span class={lookOf(rest.trim())}>{rest}</span>
      </code>
    </div>
  )
}

function lookOf(value: string): string {
  if (value.startsWith('#')) return 'comment'
  if (/^-?[\d.]+[a-zA-Z%]*$/.test(value)) return 'number'
  if (/^(?:true|false|null|off|on|unlimited)$/.test(value)) return 'word'
  return 'text'
}
