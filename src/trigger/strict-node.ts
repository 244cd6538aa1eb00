/** The syntax tree of the wider trigger language: what a trigger compiled with `strict` is made of. */
export type StrictNode =
  | { readonly type: 'and' | 'or'; readonly children: readonly StrictNode[] }
  | { readonly type: 'not'; readonly child: StrictNode }
  | {
      readonly type: 'compare'
      readonly operator: '=' | '!=' | '<' | '<=' | '>' | '>=' | 'in'
      readonly left: StrictNode
      readonly right: StrictNode
    }
  | { readonly type: 'call'; readonly name: string; readonly arguments: readonly StrictNode[] }
  | { readonly type: 'field'; readonly path: readonly string[] }
  | { readonly type: 'literal'; readonly value: string | number | boolean | null }
  | { readonly type: 'list'; readonly items: readonly StrictNode[] }
