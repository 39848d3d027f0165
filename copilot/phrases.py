# ruff: noqa: E501 - each row is one turn of speech; broken over lines it can no longer be read
"""The phrases that raise scrutiny, by kind and language: a table to extend, not code.

Each entry is a regular expression over folded text (lower case, no accents, straight quotes); a space means a gap
between two words. Entries name turns of speech, not one known message. Keep them free of nested repetition.
"""

from __future__ import annotations

from collections.abc import Mapping

# Titles and units that people invoke to be obeyed.
_ROLE = (
    r"(?:ceo|cto|ciso|cfo|coo|cio|cso|dpo|president|vp|vice president|director|head|chief|manager|lead|leader|supervisor"
    r"|owner|founder|admin|admins|administrator|administrators|sysadmin|superuser|security (?:team|officer|engineer"
    r"|department|desk|operations|analyst)|it (?:team|department|support|security|desk|operations)|help ?desk|helpdesk"
    r"|risk management|compliance|auditor|management|board|legal|incident commander|incident response|developer"
    r"|law enforcement|police)"
)
# Words between the article and the title ('the global security team lead'), but not a new thought.
_FILL = (
    r"(?:(?!(?:the|to|for|with|in|on|at|time|that|which|who|why|where|when|error|page|issue|problem|not|we|i|my|is|was"
    r"|and|or|of|from|if|it|our|your|by)\b)[\w'-]+ ){0,3}"
)
_BOSS = (
    r"(?:boss|manager|ceo|cto|ciso|cfo|cio|director|supervisor|lead|team lead|head of \w+|vp|security team|it team"
    r"|security|management|board|legal|legal team|owner|admin|administrator)"
)
_CONTROL = (
    r"(?:approvals?|approvers?|approval (?:process|flow|step|chain)|process|processes|procedures?|verifications?|reviews?"
    r"|checks?|checklist|authori[sz]ation|2fa|mfa|two.factor|polic(?:y|ies)|protocols?|controls?|sign.?off|red tape"
    r"|paperwork|workflow|confirmation|safeguards?|guardrails?|restrictions?|validation|gate|change board|security)"
)
_CONTROL_FILL = r"(?:(?:the|any|all|every|our|your|usual|normal|standard|regular|security|formal|whole|identity|extra|further|manual|this|that|internal|safety|of|these|those|human|waiting|wait|for|an|a|additional|prior|more) ){0,5}"

PHRASES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "claims_authority": {
        "en": (
            rf"(?:as|i am|i'm|im|this is|we are|we're|speaking as|acting as|writing as) (?:the|a|an|your|our|their|acting) {_FILL}{_ROLE}",
            rf"as {_ROLE}",
            rf"(?:i am|i'm|this is|we are|we're) (?:from |with |in )?(?:the )?{_ROLE}",
            r"on behalf of",
            r"i speak for",
            rf"(?:my|our|the|your) {_BOSS} (?:has |have |already |just |personally |also )*(?:approved|authori[sz]ed|signed off|ok'?d|okayed|cleared|agreed|wants|ordered|instructed|asked|told|said)",
            r"(?:i|we) (?:hereby |personally |fully )?authori[sz]e",
            r"(?:i am|i'm|im|we are|we're) (?:hereby |personally )?authori[sz]ing",
            r"(?:i|we) (?:hereby |personally |already )(?:approve|approved|sign off)",
            r"i have (?:the |full |all |complete )*(?:authority|authori[sz]ation|clearance|approval|permission)",
            r"(?:i am|i'm|we are) (?:fully |already )?authori[sz]ed",
            r"(?:pre-?|already (?:been )?)(?:approved|authori[sz]ed)",
            rf"(?:approved|authori[sz]ed|requested|ordered) by (?:the |our |my )?(?:\w+ )?{_ROLE}",
            r"(?:by order of|under (?:the|my) authority|with (?:the )?(?:approval|authori[sz]ation|permission|blessing) (?:of|from))",
            rf"(?:instructed|ordered|told|asked|mandated) by (?:the |our |my )?(?:\w+ )?{_ROLE}",
            r"i (?:run|lead|head|manage|own) (?:the )?(?:\w+ )?(?:security|it|infrastructure|operations|platform|workspace|company)",
            r"i (?:outrank|am senior to)",
            r"do you know who i am",
        ),
        "de": (
            r"als (?:der |die |ihr |euer |unser )?(?:\w+ )?(?:leiter|leiterin|teamleiter|teamleiterin|chef|chefin|geschaftsfuhrer|geschaftsfuhrerin|administrator|vorstand|sicherheitsbeauftragte[rn]?|it.leiter|vorgesetzte[rn]?)",
            r"(?:ich bin|hier ist|hier spricht) (?:der|die|ihr|euer) (?:\w+ )?(?:leiter|leiterin|teamleiter|teamleiterin|chef|chefin|geschaftsfuhrer|geschaftsfuhrerin|administrator|vorstand|ciso|ceo)",
            r"im (?:auftrag|namen) (?:von|der|des)",
            r"mein(?:e)? (?:chef|chefin|vorgesetzter|vorgesetzte|leiter|leiterin) (?:hat|habe) (?:\w+ ){0,4}(?:genehmigt|freigegeben|erlaubt|zugestimmt|angeordnet)",
            r"(?:ich|wir) (?:genehmige|genehmigen|autorisiere|autorisieren|ordne an)",
            r"bereits (?:genehmigt|freigegeben|autorisiert)",
            r"ich bin (?:dazu )?(?:befugt|berechtigt|autorisiert)",
        ),
        "fr": (
            r"en (?:tant que|ma qualite de|qualite de) (?:\w+ ){0,3}(?:responsable|directeur|directrice|chef|pdg|dirigeant|administrateur|rssi)",
            r"(?:je suis|ici|c'est) (?:le|la|votre) (?:\w+ )?(?:responsable|directeur|directrice|chef|pdg|administrateur|rssi|patron)",
            r"(?:au nom|de la part|pour le compte) d[eu']",
            r"mo[na] (?:chef|patron|directeur|directrice|responsable|manager) (?:a|l'a) (?:deja )?(?:approuve|autorise|valide|demande)",
            r"j'autorise",
            r"deja (?:approuve|autorise|valide)e?s?",
        ),
        "es": (
            r"como (?:el |la )?(?:\w+ )?(?:jefe|jefa|director|directora|responsable|gerente|lider|administrador|administradora|presidente)",
            r"(?:soy|habla|somos) (?:el|la|su) (?:\w+ )?(?:jefe|jefa|director|directora|responsable|gerente|lider|administrador|administradora|presidente|ceo)",
            r"(?:en nombre|de parte) de",
            r"mi (?:jefe|jefa|director|directora|gerente|supervisor) (?:ya )?(?:lo |la )?(?:ha )?(?:aprobo|aprobado|autorizo|autorizado|pidio)",
            r"(?:yo )?autorizo",
            r"ya (?:esta |fue |ha sido )?(?:aprobado|autorizado)",
        ),
        "pt": (
            r"como (?:o |a )?(?:\w+ )?(?:chefe|diretor|diretora|responsavel|gerente|lider|administrador|administradora|presidente)",
            r"(?:sou|aqui e|somos) (?:o|a|seu|sua) (?:\w+ )?(?:chefe|diretor|diretora|responsavel|gerente|lider|administrador|administradora|presidente|ceo)",
            r"em nome d[eoa]",
            r"(?:meu|minha) (?:chefe|diretor|diretora|gerente|supervisor|supervisora) (?:ja )?(?:aprovou|autorizou|pediu|mandou)",
            r"(?:eu )?autorizo",
            r"ja (?:foi |esta )?(?:aprovado|autorizado)",
        ),
    },
    "urgency": {
        "en": (
            r"urgent(?:ly)?",
            r"urgency",
            r"asap",
            r"as soon as possible",
            r"immediate(?:ly)?(?: action| attention)?",
            r"right (?:now|away)",
            r"at once",
            r"without (?:any )?delay",
            r"time is of the essence",
            r"time.?(?:sensitive|critical)",
            r"emergency",
            r"critical (?:security )?incident",
            r"critical security",
            r"(?:can't|cannot|can not|won't) wait",
            r"(?:no|not enough) time (?:to|for)",
            r"every (?:second|minute|hour) counts",
            r"within (?:the )?(?:next )?(?:\w+ )?(?:minutes?|mins?|hours?)",
            r"before (?:it's|it is) too late",
            r"drop everything",
            r"(?:hurry|act now|act fast|quickly please|running out of time)",
            r"(?:need|needed|required?) (?:this |it |them )?(?:now|today|immediately)",
            r"top priority",
            r"high(?:est)? priority",
        ),
        "de": (
            r"dringend(?:e[rsnm]?|st)?",
            r"sofort(?:ige[rsnm]?)?",
            r"unverzuglich",
            r"so schnell wie moglich",
            r"so bald wie moglich",
            r"eilt",
            r"notfall",
            r"keine zeit",
            r"umgehend",
        ),
        "fr": (
            r"urgent(?:e|es|s)?",
            r"d'urgence",
            r"urgence",
            r"immediatement",
            r"tout de suite",
            r"sans delai",
            r"des que possible",
            r"au plus vite",
            r"pas le temps",
        ),
        "es": (
            r"urgente(?:s|mente)?",
            r"urgencia",
            r"inmediatamente",
            r"de inmediato",
            r"ahora mismo",
            r"lo antes posible",
            r"cuanto antes",
            r"emergencia",
            r"no hay tiempo",
        ),
        "pt": (
            r"urgentes?",
            r"urgentemente",
            r"urgencia",
            r"imediatamente",
            r"de imediato",
            r"agora mesmo",
            r"o mais rapido possivel",
            r"o quanto antes",
            r"emergencia",
            r"nao ha tempo",
        ),
    },
    "asks_to_skip_control": {
        "en": (
            rf"(?:skip|skipping|bypass|bypassing|circumvent|circumventing|override|overriding|waive|waiving|ignore|ignoring|disregard|sidestep|go around|get around|work around|cut through|forgo|suspend|disable|turn off|don't bother with|do not bother with|avoid|dispense with|fast.?track|short.?cut) {_CONTROL_FILL}{_CONTROL}",
            rf"(?:without|w/o|no need for|no need to go through|don't need|do not need|doesn't need|does not need|needs? no|instead of) {_CONTROL_FILL}{_CONTROL}",
            rf"(?:don't|do not|can't|cannot|no time to|no need to|not) (?:wait|ask|check|go|hold|seek|request|require) {_CONTROL_FILL}(?:through |with )?{_CONTROL_FILL}{_CONTROL}",
            r"no questions asked",
            r"(?:don't|do not|without) (?:ask|asking|verify|verifying|confirm|confirming|checking|double.?check|involve|involving|notify|notifying|tell|telling|inform|informing|loop in|cc) (?:any|the|it|with|me|security|anyone|anybody|bob|my|our|him|her|them|first)",
            r"(?:keep|leave) (?:this|it|that) (?:between us|quiet|confidential|off the record|secret|out of the (?:log|logs|ticket|audit))",
            r"off the (?:record|books)",
            r"(?:auto.?approve|approve (?:this|it) (?:yourself|automatically|directly))",
            r"(?:make|as|just this once) an exception",
            r"just (?:do|run|approve|execute) it",
            r"(?:leave|leaving) no (?:trace|log|record)s?",
            r"without (?:leaving )?(?:any |a )?(?:trace|log|logs|record|being detected|detection|raising suspicion)",
        ),
        "de": (
            r"(?:genehmigung|freigabe|prufung|verfahren|prozess|verifizierung|kontrolle|regeln?)(?:s\w*)? (?:\w+ ){0,2}(?:uberspringen|umgehen|ignorieren|auslassen|aussetzen|weglassen)",
            r"(?:uberspring\w*|umgeh\w*|ignorier\w*|verzicht\w* auf) (?:\w+ ){0,4}(?:genehmigung\w*|freigabe\w*|prufung\w*|verfahren|prozess|verifizierung|kontrollen?|regeln?)",
            r"ohne (?:\w+ ){0,2}(?:genehmigung|freigabe|prufung|ruckfrage|ruckfragen|verifizierung|kontrolle)",
            r"nicht (?:auf )?(?:\w+ ){0,2}(?:freigabe|genehmigung) warten",
        ),
        "fr": (
            r"(?:contourne[rz]?|ignore[rz]?|saute[rz]?|passe[rz]? outre|evite[rz]?|oublie[rz]?) (?:\w+['\s]){0,4}(?:approbation|validation|procedure|processus|verification|controle)s?",
            r"sans (?:\w+ ){0,3}(?:approbation|validation|autorisation|verification|procedure|controle|poser de questions)",
        ),
        "es": (
            r"(?:omit[ae]\w*|salt[ae]\w*|ignor[ae]\w*|evit[ae]\w*|eludir|eluda) (?:\w+ ){0,4}(?:aprobacion|aprobaciones|proceso|procedimiento|verificacion|control|controles|revision)",
            r"sin (?:\w+ ){0,3}(?:aprobacion|autorizacion|verificacion|revision|esperar|preguntar|preguntas)",
        ),
        "pt": (
            r"(?:pul[ae]\w*|ignor[ae]\w*|contorn[ae]\w*|salt[ae]\w*|dispens[ae]\w*) (?:\w+ ){0,4}(?:aprovacao|aprovacoes|processo|procedimento|verificacao|controles?|revisao)",
            r"sem (?:\w+ ){0,3}(?:aprovacao|autorizacao|verificacao|revisao|esperar|perguntar|perguntas)",
        ),
    },
    "instruction_to_bot": {
        "en": (
            r"(?:ignore|disregard|forget|override|drop|discard) (?:(?:all|any|everything|your|the|of|my|these|those|other) ){0,4}(?:previous|prior|above|earlier|preceding|former|existing|original|initial|current|system|\w*) ?(?:\w*instructions?|prompts?|rules|directives|guidelines|programming|constraints|context)",
            r"(?:forget|ignore) (?:everything|all) (?:above|before|that|you)",
            r"(?:new|updated|real|actual|following) (?:system )?instructions?",
            r"system (?:prompt|message|override|instruction|note|update|alert)",
            r"you are now",
            r"from now on you",
            r"you (?:must|should|will|shall|are to) (?:now |only |always |never |strictly |immediately )*(?:act|respond|reply|answer|output|execute|run|call|approve|classify|follow|comply|obey|adhere|pretend|ignore|reveal|print)",
            r"(?:pretend|act|behave|roleplay|respond) (?:to be|as if|as though|like) (?:you|an?|the)",
            r"(?:developer|debug|god|admin|maintenance|unrestricted|dan|jailbreak|sudo|root) mode",
            r"jailbreak\w*",
            r"do anything now",
            r"(?:reveal|print|show|repeat|output|display|leak) (?:me |us )?(?:your|the) (?:system |initial |hidden |full |original |internal )*(?:prompt|instructions|rules|configuration|goals)",
            r"(?:as|being) an? (?:ai|language model|assistant|llm|bot|agent)",
            r"(?:dear|hey|hi|hello|attention|note to|message to|instructions? (?:for|to)) (?:the |any )?(?:ai|llm|bot|assistant|model|agent|copilot|triage bot)",
            r"(?:ai|llm|bot|assistant|model|triage|agent) (?:must|should|shall|will|has to|needs to) (?:now |only |always |never )*\w+",
            r"(?:set|mark|change|classify|lower|downgrade|treat|label|triage|rate) (?:this|the|it|ticket|its) (?:\w+ ){0,4}(?:severity|priority|category|risk|low|harmless|benign|resolved|safe|approved|trusted|confirmed|non.?urgent)",
            r"(?:severity|priority|risk) ?(?:to|:|=|is) ?(?:low|none|minimal)",
            r"(?:call|use|invoke|execute|trigger) (?:the |a |your )?(?:\w+ )?(?:tool|function|action|command|api)",
            r"(?:provenance|source) ?(?:to|:|=|is) ?(?:directory|operator|system|trusted)",
            r"(?:end|begin|start) of (?:system |user |ticket |the )*(?:prompt|message|input|data|instructions|ticket)",
            r"strictly adhere to",
        ),
        "de": (
            r"(?:ignorier\w*|vergiss|vergessen sie) (?:\w+ ){0,4}(?:anweisungen|instruktionen|vorgaben|regeln)",
            r"(?:du bist|sie sind) (?:jetzt|nun|ab jetzt|ab sofort) (?:ein|eine|kein)",
            r"(?:system|neue)\W?anweisung(?:en)?",
        ),
        "fr": (
            r"(?:ignore[rz]?|oublie[rz]?) (?:\w+ ){0,4}(?:instructions|consignes|regles)",
            r"(?:tu es|vous etes) (?:maintenant|desormais)",
            r"nouvelles (?:instructions|consignes)",
        ),
        "es": (
            r"(?:ignora|ignore|ignorar|olvida|olvide) (?:\w+ ){0,4}(?:instrucciones|ordenes|reglas)",
            r"(?:ahora eres|a partir de ahora)",
            r"nuevas instrucciones",
        ),
        "pt": (
            r"(?:ignore|ignora|ignorar|esqueca|esquece) (?:\w+ ){0,4}(?:instrucoes|ordens|regras)",
            r"(?:agora voce e|a partir de agora)",
            r"novas instrucoes",
        ),
    },
}

MARKUP_FOR_BOTS = (
    r"<\|?/?(?:system|im_start|im_end|assistant|user|instructions?|endoftext|information|admin)\b[^>\n]{0,40}>",
    r"\[/?(?:inst|system|admin|assistant)\]",
    r"#{2,} ?\(?(?:system|instruction|assistant|user|admin)",
    r"(?:^|\n)\s*(?:system|assistant|developer)\s*:",
    r"<!--[^\n]{0,200}(?:ignore|instruction|system|assistant)",
)
"""Marks that only make sense to a language model; matched without word boundaries."""
