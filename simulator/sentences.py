"""Sentences of agents and callers, in the languages of a support line."""

from collections.abc import Iterator
from itertools import cycle

_TALK: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "en": (
        (
            "Support, you are speaking with Alex. How can I help you?",
            "I see. Which mail program are you using?",
            "Please open the settings and tell me the name of the server.",
            "Thank you. I have just sent you a new password.",
            "Does it work now?",
        ),
        (
            "Hello, I cannot read my email since this morning.",
            "I use the one that came with my computer.",
            "It says that the password is wrong.",
            "Yes, I have received it.",
            "Yes, it works. Thank you very much.",
        ),
    ),
    "es": (
        (
            "Soporte, le atiende Alejandra. ¿En qué puedo ayudarle?",
            "Entiendo. ¿Qué programa de correo utiliza?",
            "Abra la configuración, por favor.",
            "Le acabo de enviar una contraseña nueva.",
        ),
        (
            "Hola, no puedo leer mi correo desde esta mañana.",
            "Uso el que venía con el ordenador.",
            "Dice que la contraseña es incorrecta.",
            "Sí, ya funciona. Muchas gracias.",
        ),
    ),
    "fr": (
        (
            "Assistance, Camille à votre écoute. Que puis-je faire pour vous ?",
            "Je comprends. Quel logiciel de messagerie utilisez-vous ?",
            "Je viens de vous envoyer un nouveau mot de passe.",
        ),
        (
            "Bonjour, je ne peux plus lire mes messages depuis ce matin.",
            "Il me dit que le mot de passe est faux.",
            "Oui, cela fonctionne. Merci beaucoup.",
        ),
    ),
    "de": (
        (
            "Support, Sie sprechen mit Kim. Wie kann ich helfen?",
            "Ich verstehe. Welches Mailprogramm benutzen Sie?",
            "Ich habe Ihnen soeben ein neues Passwort geschickt.",
        ),
        (
            "Guten Tag, ich kann seit heute Morgen meine Mails nicht lesen.",
            "Es heißt, das Passwort sei falsch.",
            "Ja, jetzt geht es. Vielen Dank.",
        ),
    ),
    "pt": (
        (
            "Suporte, fala a Ana. Em que posso ajudar?",
            "Entendo. Qual programa de e-mail você usa?",
            "Acabei de enviar uma nova senha.",
        ),
        (
            "Olá, não consigo ler meus e-mails desde hoje cedo.",
            "Ele diz que a senha está errada.",
            "Sim, agora funciona. Muito obrigado.",
        ),
    ),
    "hi": (
        (
            "सहायता केंद्र, मैं अर्जुन बोल रहा हूँ। मैं आपकी क्या मदद करूँ?",
            "ठीक है। आप कौन सा मेल प्रोग्राम इस्तेमाल करते हैं?",
            "मैंने आपको नया पासवर्ड भेज दिया है।",
        ),
        (
            "नमस्ते, सुबह से मेरा ईमेल नहीं खुल रहा है।",
            "वह कहता है कि पासवर्ड गलत है।",
            "हाँ, अब चल रहा है। बहुत धन्यवाद।",
        ),
    ),
}


def conversation(language: str) -> Iterator[tuple[str, str]]:
    """Speakers and sentences in turns, without end. English stands in for an unknown language."""
    agent, caller = _TALK.get(language.partition("-")[0], _TALK["en"])
    for asked, answered in cycle(zip(agent, caller, strict=True)):
        yield "agent", asked
        yield "caller", answered
