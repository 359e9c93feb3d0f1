// The kinds of record: their members, and which of them a table shows and filters by.

const WHO = [["address"], ["city"], ["state", "State"], ["country"], ["postalCode", "Postal code"]];

/** A member: its name, what people call it, its type, and more. */
function member(name, label, type = "text", more = {}) {
    return { name, label: label ?? name[0].toUpperCase() + name.slice(1), type, ...more };
}

const owner = member("ownerId", "Owner", "reference", { of: "users" });
const stamps = [
    member("createdAt", "Created", "instant", { isRead: true }),
    member("updatedAt", "Changed", "instant", { isRead: true }),
];

export const KINDS = {
    contacts: {
        noun: "contact",
        title: "Contacts",
        name: record => record.fullName,
        link: "fullName",
        members: [
            member("fullName", "Name", "text", { isRead: true }),
            member("firstName", "First name", "text", { isRequired: true }),
            member("lastName", "Last name", "text", { isRequired: true }),
            member("email", "E-mail", "email", { isRequired: true }),
            member("phone", "Phone", "tel"),
            member("mobile", "Mobile", "tel"),
            member("title"),
            member("department"),
            member("companyId", "Company", "reference", { of: "companies" }),
            member("lifecycleStage", "Lifecycle stage", "choice", { words: ["lead", "qualified", "opportunity", "customer", "evangelist"], isSet: true }),
            member("leadSource", "Lead source"),
            member("leadScore", "Lead score", "number"),
            member("tags", "Tags", "text", { hint: "Separated by commas" }),
            member("linkedInUrl", "LinkedIn", "url"),
            member("twitterHandle", "Twitter"),
            ...WHO.map(([name, label]) => member(name, label)),
            member("notes", "Notes", "long"),
            owner,
            ...stamps,
        ],
        columns: ["fullName", "email", "phone", "title", "lifecycleStage", "updatedAt"],
        inline: ["firstName", "lastName", "email", "phone", "mobile", "title", "department", "lifecycleStage", "leadSource", "leadScore", "tags", "city", "state", "country", "postalCode", "address", "twitterHandle"],
        filters: ["lifecycleStage", "ownerId", "companyId", "tag", "leadSource", "email"],
        related: [["deals", "contactId"], ["activities", "contactId"]],
    },
    companies: {
        noun: "company",
        title: "Companies",
        name: record => record.name,
        link: "name",
        members: [
            member("name", "Name", "text", { isRequired: true }),
            member("domain"),
            member("industry"),
            member("description", "Description", "long"),
            member("employeeCount", "Employees", "number"),
            member("annualRevenue", "Revenue a year", "number"),
            member("phone", "Phone", "tel"),
            member("website", "Website", "url"),
            member("linkedInUrl", "LinkedIn", "url"),
            ...WHO.map(([name, label]) => member(name, label)),
            member("tags", "Tags", "list", { hint: "Separated by commas" }),
            member("notes", "Notes", "long"),
            owner,
            ...stamps,
        ],
        columns: ["name", "domain", "industry", "employeeCount", "annualRevenue", "updatedAt"],
        inline: ["name", "domain", "industry", "employeeCount", "annualRevenue", "phone", "website", "city", "state", "country", "postalCode", "address", "tags"],
        filters: ["industry", "ownerId", "tag", "domain"],
        related: [["contacts", "companyId"], ["deals", "companyId"], ["activities", "companyId"]],
    },
    deals: {
        noun: "deal",
        title: "Deals",
        name: record => record.name,
        link: "name",
        members: [
            member("name", "Name", "text", { isRequired: true }),
            member("pipelineId", "Pipeline", "pipeline", { isRequired: true }),
            member("stageId", "Stage", "stage", { isRequired: true, shown: "stageName" }),
            member("status", "Status", "text", { isRead: true }),
            member("value", "Value", "money"),
            member("currency", "Currency", "text", { isSet: true }),
            member("probability", "Probability %", "number", { isSet: true }),
            member("contactId", "Contact", "reference", { of: "contacts", shown: "contactName" }),
            member("companyId", "Company", "reference", { of: "companies", shown: "companyName" }),
            member("expectedCloseDate", "Expected close", "instant"),
            member("actualCloseDate", "Closed", "instant", { isRead: true }),
            member("lastActivityAt", "Last activity", "instant", { isRead: true }),
            member("notes", "Notes", "long"),
            { ...owner, shown: "ownerName" },
            ...stamps,
        ],
        columns: ["name", "stageId", "value", "probability", "companyId", "ownerId", "expectedCloseDate"],
        inline: ["name", "value", "currency", "probability", "expectedCloseDate"],
        filters: ["status", "stageId", "ownerId", "companyId", "contactId"],
        related: [["activities", "dealId"]],
    },
    activities: {
        noun: "activity",
        title: "Activities",
        name: record => record.subject,
        link: "subject",
        members: [
            member("subject", "Subject", "text", { isRequired: true }),
            member("activityType", "Type", "choice", { words: ["note", "task", "call", "meeting"], isRequired: true }),
            member("status", "Status", "choice", { words: ["pending", "completed"], isSet: true }),
            member("priority", "Priority", "choice", { words: ["low", "normal", "high", "urgent"] }),
            member("body", "Text", "long"),
            member("contactId", "Contact", "reference", { of: "contacts" }),
            member("companyId", "Company", "reference", { of: "companies" }),
            member("dealId", "Deal", "reference", { of: "deals" }),
            member("scheduledAt", "Planned for", "instant"),
            member("dueDate", "Due", "instant", { only: ["task"] }),
            member("callDirection", "Direction", "choice", { words: ["inbound", "outbound"], only: ["call"] }),
            member("callOutcome", "Outcome", "text", { only: ["call"] }),
            member("callDurationSeconds", "Length in seconds", "number", { only: ["call"] }),
            member("durationMinutes", "Length in minutes", "number", { only: ["meeting"] }),
            member("location", "Place", "text", { only: ["meeting"] }),
            member("meetingUrl", "Address on the web", "url", { only: ["meeting"] }),
            owner,
            member("completedAt", "Completed", "instant", { isRead: true }),
            ...stamps,
        ],
        columns: ["subject", "activityType", "status", "priority", "dueDate", "updatedAt"],
        inline: ["subject", "status", "priority", "dueDate", "scheduledAt"],
        filters: ["activityType", "status", "priority", "ownerId", "companyId", "contactId", "dealId"],
        related: [],
    },
};

/** The kind that the feed calls so. */
export function kindOf(noun) {
    return Object.keys(KINDS).find(plural => KINDS[plural].noun === noun);
}

/** A member by its name; filters by a tag have none. */
export function memberOf(kind, name) {
    return KINDS[kind].members.find(known => known.name === name) ?? { name, label: name === "tag" ? "Tag" : name, type: "text" };
}
